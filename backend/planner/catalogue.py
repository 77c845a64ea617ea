"""Known models, so that one can plan before downloading: what their ``config.json`` says, and their total bytes.

Sources: Kimi-K2.5's config.json (K2.6 has the same architecture by Moonshot's deployment guide; 554.3 GiB in 64
shards); Moonlight's config.json; Qwen3-30B-A3B's config.json. Totals without a published figure are those of the sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.checkpoint.config import DEEPSEEK, KIMI

_KIMI_INT4 = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "config_groups": {
        "group_0": {"weights": {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 32}}
    },
    "ignore": [
        "lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*",
    ],
}  # fmt: skip
_KIMI: dict[str, Any] = {
    "architectures": [KIMI],
    "text_config": {
        "vocab_size": 163840, "hidden_size": 7168, "num_hidden_layers": 61, "first_k_dense_replace": 1,
        "intermediate_size": 18432, "moe_intermediate_size": 2048, "num_attention_heads": 64, "q_lora_rank": 1536,
        "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "n_routed_experts": 384, "n_shared_experts": 1, "num_experts_per_tok": 8, "max_position_embeddings": 262144,
        "quantization_config": _KIMI_INT4,
    },
    "vision_config": {},
}  # fmt: skip
_MOONLIGHT: dict[str, Any] = {
    "architectures": [DEEPSEEK],
    "vocab_size": 163840, "hidden_size": 2048, "num_hidden_layers": 27, "first_k_dense_replace": 1,
    "intermediate_size": 11264, "moe_intermediate_size": 1408, "num_attention_heads": 16, "q_lora_rank": None,
    "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 64,
    "n_shared_experts": 2, "num_experts_per_tok": 6, "max_position_embeddings": 8192,
}  # fmt: skip
_QWEN: dict[str, Any] = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "vocab_size": 151936, "hidden_size": 2048, "num_hidden_layers": 48, "intermediate_size": 6144,
    "moe_intermediate_size": 768, "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128,
    "num_experts": 128, "num_experts_per_tok": 8, "max_position_embeddings": 40960,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """One known model. ``gib``: the published total in GiB, None where the sizes alone tell."""

    repository: str
    config: dict[str, Any]
    gib: float | None = None


KNOWN = {
    "Kimi-K2.6": Known("moonshotai/Kimi-K2.6", _KIMI, 554.3),
    "Kimi-K2.5": Known("moonshotai/Kimi-K2.5", _KIMI, 554.3),
    "Moonlight-16B-A3B": Known("moonshotai/Moonlight-16B-A3B", _MOONLIGHT),
    "Moonlight-16B-A3B-Instruct": Known("moonshotai/Moonlight-16B-A3B-Instruct", _MOONLIGHT),
    "Qwen3-30B-A3B": Known("Qwen/Qwen3-30B-A3B", _QWEN),
    "Qwen3-30B-A3B-FP8": Known("Qwen/Qwen3-30B-A3B-FP8", {**_QWEN, "quantization_config": {"quant_method": "fp8"}}),
}


def find(name: str) -> tuple[str, Known] | None:
    """A known model by its name or repository, whatever the case."""
    plain = name.lower()
    return next(((key, one) for key, one in KNOWN.items() if plain in (key.lower(), one.repository.lower())), None)
