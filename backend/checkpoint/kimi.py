"""``quantization_config`` as Kimi's checkpoints have it, for what we write ourselves."""

from __future__ import annotations

from typing import Any

IGNORE = ("lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", r"re:.*mlp\.(gate|up|gate_up|down)_proj.*")
"""What stays in bf16, beside embeddings, norms and routers: all linear layers but the routed experts."""
IGNORE_SEEING = ("re:.*vision_tower.*", "re:.*mm_projector.*")
"""What transformers 5 has to be told besides, which takes every linear layer of a model that sees as INT4."""


def int4_config(group_size: int, *, sees: bool, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Symmetric INT4 in groups of ``group_size`` inputs; ``more`` modules are left as they are, too."""
    weights: dict[str, Any] = {
        "actorder": None, "block_structure": None, "dynamic": False, "group_size": group_size, "num_bits": 4,
        "observer": "minmax", "observer_kwargs": {}, "strategy": "group", "symmetric": True, "type": "int",
    }  # fmt: skip
    group = {"input_activations": None, "output_activations": None, "targets": ["Linear"], "weights": weights}
    return {
        "config_groups": {"group_0": group},
        "format": "pack-quantized",
        "ignore": [*IGNORE, *(IGNORE_SEEING if sees else ()), *more],
        "kv_cache_scheme": None,
        "quant_method": "compressed-tensors",
        "quantization_status": "compressed",
    }
