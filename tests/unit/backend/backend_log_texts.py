# ruff: noqa: E501 - texts as they were printed
"""What programs print when something is wrong, and what a person should read then.

``SEEN``: printed by real runs of SGLang 0.5.23 and pip on a CPU. ``KNOWN``: texts of torch, CUDA and SGLang's sources
that need a GPU to be seen; nobody has run those.
"""

SEEN = {
    "missing shard": (
        "RuntimeError: model.safetensors.index.json references 1 shard file(s) missing from /models/k2 (incomplete download?): ['model-00002-of-00002.safetensors']\n\n"
        "[2026-11-29 03:10:44] Received sigquit from a child process. It usually means the child failed.\n"
        "[2026-11-29 03:10:44] kill_process_tree called: parent_pid=17507, include_parent=True, pid=17507",
        "missing in /models/k2: 'model-00002-of-00002.safetensors'",
    ),
    "truncated file": (
        '    with safetensors.safe_open(st_file, framework="pt", device="cpu") as f:\n'
        "safetensors._safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, file not fully covered",
        "cut off",
    ),
    "no folder": (
        "OSError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/models/nosuch'. Use `repo_type` argument if needed.",
        "no checkpoint at that path",
    ),
    "unknown architecture": (
        "ValueError: The checkpoint you are trying to load has model type `nosuch` but Transformers does not recognize this architecture. This could be because of an issue with the checkpoint",
        "does not know this kind of model",
    ),
    "unsupported quantization": (
        "ValueError: ('For Fused MoE layers, only ', 'pack-quantized ', 'is supported for the following bits: ', '[4, 8]')",
        "quantized in a way",
    ),
    "wrong type": (
        "ValueError: torch.float32 is not supported for quantization method compressed-tensors. Supported dtypes: [torch.float16, torch.bfloat16]",
        "(compressed-tensors) does not work with torch.float32",
    ),
    "unknown option": (
        "                    [--config CONFIG] [--disable-cuda-graph]\nsglang serve: error: unrecognized arguments: --no-such-flag",
        "--no-such-flag",
    ),
    "ranks without cores": (
        "AssertionError: SGLANG_CPU_OMP_THREADS_BIND is not set, in this case, the total number of ranks (dp_size * tp_size * pp_size = 2) should be smaller than or equal to number of numa node on the machine 1.",
        "NUMA node",
    ),
    "context too long": (
        "ValueError: Warning: User-specified context_length (999999) is greater than the derived context_length (8192). This may lead to incorrect model outputs or CUDA errors. Note that",
        "context is 8192 tokens; 999999",
    ),
    "port taken": (
        "[2026-11-29 03:07:45] ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 30123): address already in use\n"
        "[2026-11-29 03:07:46] The server is fired up and ready to roll!\n"
        "[2026-11-29 03:07:46] kill_process_tree called: parent_pid=15004, include_parent=False, pid=15004",
        "port 30123 at 127.0.0.1",
    ),
    "broken environment": (
        "    from jsonschema import Draft202012Validator, SchemaError\nModuleNotFoundError: No module named 'jsonschema'",
        "jsonschema is missing",
    ),
    "killed rank, seen by another": (
        "[2026-11-29 03:48:14 TP0] multimem all-gather disabled (Torch not compiled with CUDA enabled)\n"
        "RuntimeError: [/__w/pytorch/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:537] Read error [127.0.0.1]:18324: Connection reset by peer. This is typically caused by a remote worker hanging\n"
        "[2026-11-29 03:48:17] SIGQUIT received. signum=None, frame=None. It usually means one child failed.",
        "A rank of SGLang ended without a word",
    ),
    "no GPU": ("AttributeError: module 'torch._C' has no attribute '_cuda_setDevice'", "No GPU"),
    "no such package": (
        "ERROR: Could not find a version that satisfies the requirement no-such==1 (from versions: none)\nERROR: No matching distribution found for no-such==1",
        "no-such==1 cannot be had",
    ),
}
KNOWN = {
    "GPU memory": (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB",
        "GPU's memory is full",
    ),
    "no room for the cache": (
        "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
        "no memory left for the KV cache",
    ),
    "old driver": (
        "RuntimeError: The NVIDIA driver on your system is too old (found version 12040). Please update your GPU driver",
        "driver is too old",
    ),
    "no driver": ("RuntimeError: Found no NVIDIA driver on your system.", "No GPU"),
    "old GPU": ("CUDA error: no kernel image is available for execution on the device", "were not built"),
    "no nvcc": (
        "RuntimeError: Could not find nvcc and default cuda_home='/usr/local/cuda' doesn't exist",
        "nvcc is missing",
    ),
    "killed rank": (
        "[2026-11-29 03:08:10] Subprocess scheduler_0 (pid=13564) crashed with exit code -9. Triggering SIGQUIT for cleanup...",
        "signal 9",
    ),
    "no peers": (
        "torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients. 1/2 clients joined.",
        "nodes did not find each other",
    ),
    "broken GPU": ("torch.AcceleratorError: CUDA error: an illegal memory access was encountered", "A GPU failed"),
    "full disk": ("OSError: [Errno 28] No space left on device", "disk is full"),
}
