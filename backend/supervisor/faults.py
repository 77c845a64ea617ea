"""From the end of a log to words that a person can act on.

The patterns were written against texts that SGLang 0.5.23, torch and pip really print; the tests hold those texts. The
first that is found counts, so the causes stand before their consequences.
"""

# ruff: noqa: E501 - a pattern is not broken in two

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from backend.supervisor.state import Fault

KEPT = 400
LONGEST = 300
EXCEPTION = re.compile(r"^(?:\[[^]]*\]\s*)?(?:[\w.]+\.)?(\w*(?:Error|Exception|Refused|Interrupt)): (.+)$")


@dataclass(frozen=True, slots=True)
class Known:
    """A pattern, and what it means; ``{name}`` in the words is a named group of the pattern."""

    pattern: re.Pattern[str]
    sentence: str
    hint: str
    passing: bool = False


def _known(pattern: str, sentence: str, hint: str, passing: bool = False) -> Known:
    return Known(re.compile(pattern, re.IGNORECASE), sentence, hint, passing)


KNOWN = (
    # Before all others: what follows a rank's end, and looks for GPUs to examine, is not the cause.
    _known(
        r"Subprocess (?P<name>\w+) \(pid=\d+\) crashed with exit code -9\b",
        "A process of SGLang ({name}) was ended from outside (signal 9), mostly since the machine's memory was full.",
        "Look at dmesg for the kernel's out-of-memory killer; lower --max-total-tokens, or use a machine with more memory.",
        passing=True,
    ),
    _known(
        r"gloo/transport/tcp/\w+\.cc:\d+\] .*(?:Connection reset by peer|Connection closed by peer)",
        "A rank of SGLang ended without a word, and the others lost it: mostly ended from outside (signal 9).",
        "Look at dmesg for the kernel's out-of-memory killer, and at the other rank's node if there are several.",
        passing=True,
    ),
    # What has to do with files.
    _known(
        r"references (?P<count>\d+) shard file\(s\) missing from (?P<folder>.+?) \(.*?\[(?P<files>.*?)\]",
        "Files of the checkpoint are missing in {folder}: {files}.",
        "Download them again; the index names them, so the download was not complete.",
    ),
    _known(
        r"SafetensorError: (?P<what>[^\n]+)",
        "A file of the checkpoint is damaged or cut off: {what}.",
        "Compare the sizes of its .safetensors files with the publisher's, and download the wrong one again.",
    ),
    _known(
        r"No space left on device",
        "A disk is full.",
        "Make room on the disk of the environment, of the checkpoint, or of /tmp and ~/.cache, where kernels are built.",
    ),
    _known(
        r"(?:Cannot find any model weights with|no \.safetensors|Cannot find any of .*weights)",
        "The folder has no weights.",
        "Name the folder that holds config.json and the .safetensors files.",
    ),
    _known(
        r"(?:Incorrect path_or_model_id|Can't load the configuration of|does not appear to have a file named config\.json"
        r"|Repo id must|is not a local folder|OfflineModeIsEnabled|couldn't find them in the cached files)",
        "There is no checkpoint at that path.",
        "Name a folder that holds config.json; nothing is downloaded while serving.",
    ),
    _known(
        r"not a valid JSON file|JSONDecodeError: .*",
        "A JSON file of the checkpoint cannot be read.",
        "Download config.json, tokenizer_config.json and the index again.",
    ),
    # What has to do with ports.
    _known(
        r"error while attempting to bind on address \('(?P<host>[^']*)', (?P<port>\d+)[^)]*\): "
        r"(?P<why>address already in use|permission denied|cannot assign requested address)",
        "The port {port} at {host} cannot be taken: {why}.",
        "Stop what uses it, or choose another one with --port.",
    ),
    _known(
        r"(?:EADDRINUSE|Address already in use|Port is already in use|errno: 98)",
        "A port that SGLang needs is taken.",
        "Another engine may be running; stop it, or choose another --port, and another --dist-init-addr with several nodes.",
    ),
    _known(
        r"(?:timed out after \d+ seconds waiting for clients|DistStoreError|Connection refused.*(?:TCPStore|c10d)"
        r"|TCPStore.*(?:connect|timed out)|client socket has timed out)",
        "The nodes did not find each other.",
        "Start all of them with the same --dist-init-addr, which must be node 0's address and open in its firewall.",
        passing=True,
    ),
    _known(
        r"NCCL (?:error|WARN).*|ncclInternalError|ncclSystemError|ncclUnhandledCudaError",
        "The GPUs cannot talk to each other (NCCL).",
        "Look at nvidia-smi topo -m; between nodes, set NCCL_SOCKET_IFNAME to the network that joins them.",
        passing=True,
    ),
    # What has to do with GPUs.
    _known(
        r"NVIDIA driver on your system is too old \(found version (?P<found>\d+)\)",
        "The NVIDIA driver is too old for CUDA 13 (it offers {found}).",
        "Install driver 580 or newer, and restart the machine.",
    ),
    _known(
        r"CUDA driver version is insufficient|unsupported display driver|forward compatibility was attempted",
        "The NVIDIA driver does not fit CUDA 13.",
        "Install driver 580 or newer, and restart the machine.",
    ),
    _known(
        r"Found no NVIDIA driver|nvidia-smi not found|No CUDA GPUs are available|AssertionError: Torch not compiled with CUDA"
        r"|no attribute '_cuda_setDevice'",
        "No GPU can be used here.",
        "Look at nvidia-smi; in a container, start it with its GPUs. Without a GPU, serve with --engine cpu.",
    ),
    _known(
        r"no kernel image is available for execution on the device",
        "This GPU is of a kind for which SGLang's kernels were not built.",
        "SGLang needs Ampere (compute capability 8.0) or newer.",
    ),
    _known(
        r"Could not find nvcc|nvcc: (?:command )?not found|Unable to find nvcc|CUDA_HOME (?:environment variable )?is not set"
        r"|No such file or directory: '[^']*nvcc'|Could not find CUDA installation",
        "nvcc is missing, with which SGLang builds its INT4 kernels at the first start.",
        "Install the CUDA toolkit (13.0 or newer) and set CUDA_HOME to it.",
    ),
    _known(
        r"(?:Could not find|Unable to find|not found:?) (?:a )?(?:c\+\+|g\+\+|C\+\+ compiler)|(?:g\+\+|c\+\+): (?:command )?not found"
        r"|No such file or directory: '(?:c\+\+|g\+\+|gcc|cc)'",
        "A C++ compiler is missing, with which SGLang builds kernels at the first start.",
        "Install g++ (build-essential).",
    ),
    _known(
        r"Failed to build JIT module (?P<module>\S+)|Error building extension '(?P<extension>[^']+)'|ninja: build stopped",
        "A kernel could not be built.",
        "The log shows the compiler's words; nvcc and g++ must fit each other, and ~/.cache must be writable.",
    ),
    _known(
        r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|CUDA error: out of memory|HIP out of memory",
        "A GPU's memory is full.",
        "See what else uses it with nvidia-smi; then lower --mem-fraction-static, --context-length or --max-running-requests.",
    ),
    _known(
        r"Not enough memory\. Please try to increase --mem-fraction-static|max_total_num_tokens.*(?:<= 0|too small)",
        "After the weights there is no memory left for the KV cache.",
        "Raise --mem-fraction-static, use more GPUs, or plan again: backend plan says what fits.",
    ),
    _known(
        r"(?:DefaultCPUAllocator: )?can't allocate memory|not enough memory: you tried to allocate|MemoryError"
        r"|Cannot allocate memory",
        "The machine's memory is full.",
        "Look at dmesg for the kernel's out-of-memory killer; lower --max-total-tokens, or use a machine with more memory.",
        passing=True,
    ),
    _known(
        r"(?:CUDA error: |illegal memory access|device-side assert|\bXid\b|uncorrectable ECC)",
        "A GPU failed.",
        "Look at dmesg for Xid messages; if it comes again, restart the machine or take the GPU out.",
        passing=True,
    ),
    # What has to do with the model and the options.
    _known(
        r"(?P<type>torch\.\w+) is not supported for quantization method (?P<method>\S+?)\.",
        "The checkpoint's quantization ({method}) does not work with {type}.",
        "Serve it with --dtype bfloat16.",
    ),
    _known(
        r"Unknown quantization method: (?P<method>\S+?)\.? |Quantization method .* is not supported|"
        r"No compressed-tensors compatible scheme|not a valid CompressionFormat|For Fused MoE layers, only",
        "The checkpoint is quantized in a way that SGLang does not serve.",
        "Use INT4 of compressed-tensors (pack-quantized, groups of 32), FP8 or bf16; backend quantize makes INT4.",
    ),
    _known(
        r"Model architectures? \[(?P<which>[^]]+)\].* (?:not supported|failed)|"
        r"architecture .*?(?P<what>\w+For\w+).* is not supported|"
        r"model type [`'](?P<type>[^`']+)[`'] but Transformers does not recognize|has no SGLang implementation",
        "SGLang does not know this kind of model.",
        "Look at \"architectures\" in config.json; a newer SGLang may know it.",
    ),
    _known(
        r"User-specified context_length \((?P<asked>\d+)\) is greater than the derived context_length \((?P<most>\d+)\)",
        "The model's context is {most} tokens; {asked} were asked for.",
        "Lower --context-length.",
    ),
    _known(
        r"error: unrecognized arguments: (?P<arguments>[^\n]+)",
        "SGLang does not know these options: {arguments}.",
        "Look at SGLang's own --help; options differ between its versions.",
    ),
    _known(
        r"(?:launch_server\.py|sglang serve|launch_router\.py): error: (?P<what>[^\n]+)",
        "SGLang refuses its options: {what}.",
        "Look at SGLang's own --help.",
    ),
    _known(
        r"number of ranks .* should be smaller than or equal to number of numa node",
        "Each rank on a CPU wants a NUMA node of its own, and there are fewer.",
        "Say which cores each rank takes: SGLANG_CPU_OMP_THREADS_BIND='0|1'.",
    ),
    # What has to do with the environment.
    _known(
        r"No matching distribution found for (?P<package>\S+)",
        "{package} cannot be had for this Python and machine.",
        "Use Python 3.11 or 3.12 on x86-64 Linux, or name another package index with --index.",
    ),
    _known(
        r"(?:Failed to establish a new connection|Temporary failure in name resolution|Read timed out|NewConnectionError"
        r"|ConnectTimeoutError|Could not find a version)",
        "The package index could not be reached.",
        "Look at the network and at the proxy variables, then run setup again; it goes on where it stopped.",
        passing=True,
    ),
    _known(
        r"ModuleNotFoundError: No module named '(?P<module>[^']+)'",
        "The environment is not complete: {module} is missing.",
        "Run `clawgroups backend setup`.",
    ),
    _known(
        r"(?:ImportError|OSError): (?P<library>lib[\w.+-]+): cannot open shared object file",
        "A library is missing: {library}.",
        "Install it with the system's packages; CUDA's own come with the environment, so run backend setup again.",
    ),
    _known(
        r"operator torchvision::nms does not exist|undefined symbol|torch was built for CUDA|torch has no CUDA",
        "Packages of the environment do not fit each other.",
        "Make it anew: remove its folder and run backend setup.",
    ),
    _known(
        r"PermissionError: \[Errno 13\] Permission denied: '(?P<path>[^']+)'",
        "{path} may not be read or written by this user.",
        "Change its owner or permissions.",
    ),
)  # fmt: skip


def words_for(lines: Sequence[str], status: int | None) -> Fault:
    """What the end of a log and an exit status say. It never fails: at worst the words are the log's own."""
    own = _own_words(lines)
    if own is not None:
        return own
    text = "\n".join(lines[-KEPT:])
    for known in KNOWN:
        found = known.pattern.search(text)
        if found:
            groups = {name: (value or "").strip().rstrip(".") for name, value in found.groupdict().items()}
            return Fault(known.sentence.format(**groups)[:LONGEST], known.hint, known.passing)
    for line in reversed(lines[-KEPT:]):
        raised = EXCEPTION.match(line.strip())
        if raised:
            return Fault(f"{raised[1]}: {raised[2]}"[:LONGEST], "The log has more.", True)
    return _by_status(status, lines)


def _own_words(lines: Sequence[str]) -> Fault | None:
    """What our own engine said as it ended: ``error:``, then ``hint:``. Time mends none of these."""
    said = [line.strip() for line in lines if line.strip()][-2:]
    hint = said.pop().removeprefix("hint: ") if said and said[-1].startswith("hint: ") else ""
    if not said or not said[-1].startswith("error: "):
        return None
    return Fault(said[-1].removeprefix("error: ")[:LONGEST], hint)


def _by_status(status: int | None, lines: Sequence[str]) -> Fault:
    ended_itself = any("kill_process_tree" in line for line in lines)  # SGLang ends its own tree with signal 9
    if status == -signal.SIGKILL and not ended_itself:
        sentence = "It was ended by signal 9: somebody killed it, or the kernel did for lack of memory."
        return Fault(sentence, "`dmesg | grep -i oom` tells.", True)
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    last = f" Its last words: {said[:200]}" if said else ""
    if status is not None and status < 0:
        return Fault(f"It was ended by signal {-status}.{last}", "The log has more.", True)
    return Fault(f"It ended by itself (exit {status}).{last}", "The log has more.", True)
