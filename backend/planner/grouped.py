"""``config.json`` of the architectures with grouped-query attention that SGLang serves and the CPU engine does not.

Read leniently, for planning only: what decides the sizes must be there and be sane, the rest is not looked at.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from backend.checkpoint.config import told
from backend.errors import CheckpointError
from backend.planner.shape import Scheme, Shape, Weights

HALF = 2
SERVED = (
    "Qwen3MoeForCausalLM",
    "Qwen2MoeForCausalLM",
    "MixtralForCausalLM",
    "Qwen3ForCausalLM",
    "Qwen2ForCausalLM",
    "LlamaForCausalLM",
    "MistralForCausalLM",
)
Size = Field(gt=0, le=2**24)


class Grouped(BaseModel):
    """The sizes; names are those of the files of Qwen, with Mixtral's and older ones as synonyms."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    vocab_size: int = Size
    hidden_size: int = Size
    intermediate_size: int = Size
    num_hidden_layers: int = Field(gt=0, le=1024)
    num_attention_heads: int = Field(gt=0, le=4096)
    num_key_value_heads: int = Field(gt=0, le=4096)
    head_dim: int = Field(gt=0, le=4096)
    num_experts: int = Field(default=0, ge=0, le=65536)
    moe_intermediate_size: int = Field(default=0, ge=0, le=2**24)
    shared_expert_intermediate_size: int = Field(default=0, ge=0, le=2**24)
    max_position_embeddings: int = Field(gt=0, le=2**40)
    tie_word_embeddings: bool = False

    @model_validator(mode="before")
    @classmethod
    def _synonyms(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        raw = {name: one for name, one in value.items() if one is not None}
        if "num_local_experts" in raw:  # Mixtral: its experts have the size that others give to dense layers
            raw.setdefault("num_experts", raw["num_local_experts"])
            raw.setdefault("moe_intermediate_size", raw.get("intermediate_size"))
        heads, hidden = raw.get("num_attention_heads"), raw.get("hidden_size")
        raw.setdefault("num_key_value_heads", heads)
        if isinstance(heads, int) and isinstance(hidden, int) and heads > 0:
            raw.setdefault("head_dim", hidden // heads)
        return raw

    @model_validator(mode="after")
    def _fits(self) -> Grouped:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError("num_key_value_heads does not divide num_attention_heads")
        if self.num_experts and not self.moe_intermediate_size:
            raise ValueError("moe_intermediate_size is missing")
        return self


def grouped_shape(raw: dict[str, Any], architecture: str, scheme: Scheme, where: str) -> Shape:
    """The shape that a configuration says, weights by formula. Raises CheckpointError."""
    try:
        sizes = Grouped.model_validate(raw)
    except ValidationError as wrong:
        raise told(wrong, where) from wrong
    if (
        raw.get("use_sliding_window") is True
        or (raw.get("decoder_sparse_step") or 1) != 1
        or raw.get("mlp_only_layers")
    ):
        raise CheckpointError(
            f"{where}: its layers are not alike (sliding windows, or experts in some layers only).",
            "The planner does not know how large their cache is.",
        )
    return Shape(
        architecture=architecture,
        attention="gqa",
        layers=sizes.num_hidden_layers,
        hidden=sizes.hidden_size,
        heads=sizes.num_attention_heads,
        key_values=sizes.num_key_value_heads,
        head=sizes.head_dim,
        experts=sizes.num_experts,
        expert_inner=sizes.moe_intermediate_size if sizes.num_experts else 0,
        inner=0 if sizes.num_experts else sizes.intermediate_size,
        context=sizes.max_position_embeddings,
        scheme=scheme,
        weights=_weights(sizes, scheme),
    )


def _weights(sizes: Grouped, scheme: Scheme) -> Weights:
    hidden, layers = sizes.hidden_size, sizes.num_hidden_layers
    queries = sizes.num_attention_heads * sizes.head_dim
    keys = sizes.num_key_value_heads * sizes.head_dim
    embedding = sizes.vocab_size * hidden * HALF
    shared = 3 * hidden * sizes.shared_expert_intermediate_size if sizes.num_experts else 0
    return Weights(
        embedding=embedding,
        head=0 if sizes.tie_word_embeddings else embedding,
        attention=layers * round(2 * hidden * queries * scheme.bits / 8),
        key_value=layers * round(2 * hidden * keys * scheme.bits / 8),
        dense=0 if sizes.num_experts else layers * round(3 * hidden * sizes.intermediate_size * scheme.bits / 8),
        shared=layers * round(shared * scheme.bits / 8),
        experts=layers * sizes.num_experts * round(3 * hidden * sizes.moe_intermediate_size * scheme.expert_bits / 8),
        router=layers * sizes.num_experts * hidden * HALF,
        other=(2 * layers + 1) * hidden * HALF,
    )
