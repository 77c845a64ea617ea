"""The plugin itself: SGLang calls ``register`` in each of its processes before a model is built.

Written for SGLang 0.5.23. Two things there have no way on a CPU without kernels made for it:

- MLA. The backend ``torch_native`` reads the pool of latent vectors, yet prefill would multiply them out first and
  hand over keys and values of other widths. Both prefill and decode take the absorbed path instead.
- INT4 experts. Their only implementations are GPU kernels; ``experts`` has one in plain torch.
"""

from __future__ import annotations

from importlib import import_module

SCHEME = (
    "sglang.srt.layers.quantization.compressed_tensors.schemes.compressed_tensors_wNa16_moe.CompressedTensorsWNA16MoE"
)
ATTENTION = "sglang.srt.models.deepseek_common.attention_backend_handler"


def register() -> None:
    """Sets both right; does nothing where SGLang runs on a GPU."""
    if not import_module("sglang.srt.utils").is_cpu():
        return
    hooks = import_module("sglang.srt.plugins.hook_registry")
    experts = import_module("clawgroups_sglang_cpu.experts")
    for method in ("process_weights_after_loading", "create_moe_runner", "apply_weights"):
        hooks.HookRegistry.register(f"{SCHEME}.{method}", getattr(experts, method), hooks.HookType.REPLACE)
    attention = import_module(ATTENTION)
    attention.AttentionBackendRegistry.register("torch_native", attention._dispatch_mla_subtype)
