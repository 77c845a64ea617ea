"""Which tensors a checkpoint of these architectures has: name, shape and type of each, from its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backend.checkpoint.config import ModelConfig, TextConfig

BF16 = ("BF16",)
FLOAT = ("BF16", "F32")


@dataclass(frozen=True, slots=True)
class Expected:
    """One tensor as it must be; ``dtypes`` in safetensors' words."""

    shape: tuple[int, ...]
    dtypes: tuple[str, ...] = BF16


Named = Iterator[tuple[str, Expected]]


def expected(config: ModelConfig) -> dict[str, Expected]:
    """Every tensor of the language model, by its full name."""
    text = config.text
    wide = (text.vocab_size, text.hidden_size)
    found = {"model.embed_tokens.weight": Expected(wide), "model.norm.weight": Expected((text.hidden_size,), FLOAT)}
    if not text.tie_word_embeddings:
        found["lm_head.weight"] = Expected(wide)
    for layer in range(text.num_hidden_layers):
        name = f"model.layers.{layer}"
        found |= _attention(text, f"{name}.self_attn")
        found |= {f"{name}.{norm}.weight": Expected((text.hidden_size,), FLOAT) for norm in NORMS}
        found |= dict(_mixture(config, f"{name}.mlp") if text.is_moe(layer) else _dense(text, f"{name}.mlp"))
    return {config.prefix + name: tensor for name, tensor in found.items()}


NORMS = ("input_layernorm", "post_attention_layernorm")


def is_left_out(config: ModelConfig, name: str) -> bool:
    """Whether a tensor may be in a checkpoint though the language model does not use it: the tower that sees,
    layers that only guess ahead (multi-token prediction), a head that is tied, frequencies that are computed."""
    if config.prefix and not name.startswith(config.prefix):
        return name.startswith(("vision_tower.", "mm_projector."))
    rest = name.removeprefix(config.prefix)
    layer = re.match(r"model\.layers\.(\d{1,6})\.", rest)
    ahead = layer is not None and int(layer[1]) >= config.text.num_hidden_layers
    tied = config.text.tie_word_embeddings and rest == "lm_head.weight"
    return ahead or tied or rest.endswith(".rotary_emb.inv_freq")


def is_packed(config: ModelConfig, module: str) -> bool:
    """Whether a routed expert's matrix, named without the prefix, is INT4."""
    if config.quantization is None:
        return False
    for pattern in config.quantization.ignore:
        wanted = pattern.removeprefix("re:")
        for name in (module, config.prefix + module):
            if re.match(wanted, name) if pattern.startswith("re:") else name == wanted:
                return False
    return True


def _attention(text: TextConfig, name: str) -> dict[str, Expected]:
    heads, hidden = text.num_attention_heads, text.hidden_size
    queries = heads * text.qk_head_dim
    if text.q_lora_rank is None:
        found = {f"{name}.q_proj.weight": Expected((queries, hidden))}
    else:
        found = {
            f"{name}.q_a_proj.weight": Expected((text.q_lora_rank, hidden)),
            f"{name}.q_a_layernorm.weight": Expected((text.q_lora_rank,), FLOAT),
            f"{name}.q_b_proj.weight": Expected((queries, text.q_lora_rank)),
        }
    expanded = heads * (text.qk_nope_head_dim + text.v_head_dim)
    return found | {
        f"{name}.kv_a_proj_with_mqa.weight": Expected((text.latent_dim, hidden)),
        f"{name}.kv_a_layernorm.weight": Expected((text.kv_lora_rank,), FLOAT),
        f"{name}.kv_b_proj.weight": Expected((expanded, text.kv_lora_rank)),
        f"{name}.o_proj.weight": Expected((hidden, heads * text.v_head_dim)),
    }


def three(hidden: int, inner: int) -> dict[str, tuple[int, int]]:
    """The shapes of a feed-forward part's matrices."""
    return {"gate_proj": (inner, hidden), "up_proj": (inner, hidden), "down_proj": (hidden, inner)}


def _dense(text: TextConfig, name: str, inner: int | None = None) -> Named:
    for part, shape in three(text.hidden_size, inner or text.intermediate_size).items():
        yield f"{name}.{part}.weight", Expected(shape)


def _mixture(config: ModelConfig, name: str) -> Named:
    text = config.text
    yield f"{name}.gate.weight", Expected((text.n_routed_experts, text.hidden_size), FLOAT)
    yield f"{name}.gate.e_score_correction_bias", Expected((text.n_routed_experts,), FLOAT)
    if text.n_shared_experts:
        yield from _dense(text, f"{name}.shared_experts", text.moe_intermediate_size * text.n_shared_experts)
    for expert in range(text.n_routed_experts):
        for part, shape in three(text.hidden_size, text.moe_intermediate_size).items():
            yield from _matrix(config, f"{name}.experts.{expert}.{part}", shape)


def _matrix(config: ModelConfig, name: str, shape: tuple[int, int]) -> Named:
    if config.quantization is None or not is_packed(config, name):
        yield f"{name}.weight", Expected(shape)
        return
    out, width = shape
    yield f"{name}.weight_packed", Expected((out, -(-width // 8)), ("I32",))
    yield f"{name}.weight_scale", Expected((out, -(-width // config.quantization.group_size)))
    yield f"{name}.weight_shape", Expected((2,), ("I32", "I64"))
