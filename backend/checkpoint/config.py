"""``config.json`` of the two architectures that are served, checked at the door.

``DeepseekV3ForCausalLM`` (Moonlight, Kimi K2) has its keys at the top; ``KimiK25ForConditionalGeneration`` (K2.5,
K2.6) has the language model under ``text_config``, the tower that sees under ``vision_config``, and its language
tensors are named ``language_model.…``. Sizes are in elements, lengths in tokens.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from backend.checkpoint.quantization import Quantization
from backend.errors import CheckpointError

DEEPSEEK = "DeepseekV3ForCausalLM"
KIMI = "KimiK25ForConditionalGeneration"
LARGEST_CONFIG = 4 * 2**20  # bytes; a real one has some kilobytes

Size = Field(gt=0, le=2**24)


class Yarn(BaseModel):
    """Yarn's stretching of rotary positions (Peng et al., "YaRN", 2023), as DeepSeek-V3 has it."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    factor: float = Field(ge=1)
    original_max_position_embeddings: int = Field(gt=0)
    beta_fast: float = Field(default=32.0, gt=0)
    beta_slow: float = Field(default=1.0, gt=0)
    mscale: float = Field(default=1.0, ge=0)
    mscale_all_dim: float = Field(default=0.0, ge=0)


class TextConfig(BaseModel):
    """The language model. Names are those of the file; defaults are what the architecture says of absent keys."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    vocab_size: int = Size
    hidden_size: int = Size
    intermediate_size: int = Size
    moe_intermediate_size: int = Size
    num_hidden_layers: int = Field(gt=0, le=1024)
    num_attention_heads: int = Field(gt=0, le=4096)
    q_lora_rank: int | None = Field(default=None, gt=0)
    kv_lora_rank: int = Size
    qk_nope_head_dim: int = Size
    qk_rope_head_dim: int = Field(gt=0, le=4096, multiple_of=2)
    v_head_dim: int = Size
    n_routed_experts: int = Field(gt=0, le=65536)
    n_shared_experts: int = Field(default=1, ge=0)
    num_experts_per_tok: int = Field(gt=0)
    n_group: int = Field(default=1, gt=0)
    topk_group: int = Field(default=1, gt=0)
    routed_scaling_factor: float = 1.0
    norm_topk_prob: bool = True
    scoring_func: Literal["sigmoid"] = "sigmoid"
    topk_method: Literal["noaux_tc"] = "noaux_tc"
    first_k_dense_replace: int = Field(default=0, ge=0)
    moe_layer_freq: int = Field(default=1, gt=0)
    hidden_act: Literal["silu"] = "silu"
    rms_norm_eps: float = Field(default=1e-6, gt=0)
    max_position_embeddings: int = Field(gt=0)
    rope_theta: float = Field(default=10000.0, gt=1)
    rope_scaling: Yarn | None = None
    tie_word_embeddings: bool = False
    attention_bias: Literal[False] = False
    bos_token_id: int | None = None
    eos_token_id: tuple[int, ...] = ()
    pad_token_id: int | None = None

    @field_validator("eos_token_id", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return () if value is None else (value,) if isinstance(value, int) else value

    @model_validator(mode="before")
    @classmethod
    def _rope_of_either_form(cls, value: Any) -> Any:
        """transformers 5 writes ``rope_parameters``; older files have ``rope_theta`` and ``rope_scaling``."""
        if not isinstance(value, dict):
            return value
        rope = value.get("rope_parameters")
        rope = rope if isinstance(rope, dict) else {}
        scaling = value.get("rope_scaling") or (rope if rope.get("rope_type", "default") != "default" else None)
        if scaling:
            kind = scaling.get("rope_type", scaling.get("type")) if isinstance(scaling, dict) else scaling
            if kind not in ("yarn", "deepseek_yarn"):
                raise ValueError(f"rope scaling of type {kind!r} is not supported, only yarn")
        return {"rope_theta": rope.get("rope_theta", 10000.0), **value, "rope_scaling": scaling or None}

    @model_validator(mode="after")
    def _parts_fit(self) -> TextConfig:
        if self.n_routed_experts % self.n_group:
            raise ValueError(f"n_group {self.n_group} does not divide n_routed_experts {self.n_routed_experts}")
        if self.topk_group > self.n_group:
            raise ValueError(f"topk_group {self.topk_group} is more than n_group {self.n_group}")
        reachable = self.topk_group * (self.n_routed_experts // self.n_group)
        if self.num_experts_per_tok > reachable:
            raise ValueError(f"num_experts_per_tok {self.num_experts_per_tok} is more than the {reachable} in reach")
        return self

    @property
    def qk_head_dim(self) -> int:
        """Width of a head's query: the part without and the part with position."""
        return self.qk_nope_head_dim + self.qk_rope_head_dim

    @property
    def latent_dim(self) -> int:
        """What one token keeps in the cache of one layer: the latent and the rotary key that all heads share."""
        return self.kv_lora_rank + self.qk_rope_head_dim

    def is_moe(self, layer: int) -> bool:
        """Whether a layer's feed-forward part is a mixture of experts; the first ones are dense."""
        return layer >= self.first_k_dense_replace and layer % self.moe_layer_freq == 0


class VisionConfig(BaseModel):
    """MoonViT-3D and the projector behind it, in the names of Moonshot's ``config.json``."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    patch_size: int = Field(default=14, gt=0, le=256)
    init_pos_emb_height: int = Field(default=64, gt=0, le=4096)
    init_pos_emb_width: int = Field(default=64, gt=0, le=4096)
    init_pos_emb_time: int = Field(default=4, gt=0, le=4096)
    vt_num_attention_heads: int = Field(default=16, gt=0, le=1024)
    vt_num_hidden_layers: int = Field(default=27, gt=0, le=1024)
    vt_hidden_size: int = Field(default=1152, gt=0, le=2**20)
    vt_intermediate_size: int = Field(default=4304, gt=0, le=2**20)
    merge_kernel_size: tuple[int, int] = (2, 2)
    mm_hidden_size: int = Field(default=1152, gt=0, le=2**20)
    projector_ln_eps: float = Field(default=1e-5, gt=0)


class ModelConfig(BaseModel):
    """One checkpoint's configuration. ``prefix`` stands before the names of the language model's tensors."""

    model_config = ConfigDict(frozen=True)

    architecture: Literal["DeepseekV3ForCausalLM", "KimiK25ForConditionalGeneration"]
    text: TextConfig
    vision: VisionConfig | None = None
    quantization: Quantization | None = None
    media_token_id: int | None = None

    @property
    def prefix(self) -> str:
        return "language_model." if self.architecture == KIMI else ""


def read_config(folder: Path) -> ModelConfig:
    """The configuration of the checkpoint in ``folder``. Raises CheckpointError."""
    return parse_config(read_json(folder), str(folder / "config.json"))


def read_json(folder: Path) -> Any:
    """What ``config.json`` in ``folder`` holds, as it stands there. Raises CheckpointError."""
    path = folder / "config.json"
    try:
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{path} is not a file.", "Name a checkpoint folder.")
        if path.stat().st_size > LARGEST_CONFIG:
            raise CheckpointError(f"{path} is larger than any configuration is.", "Name a checkpoint folder.")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as gone:
        raise CheckpointError(f"{folder} has no config.json.", "Name the folder of a checkpoint.") from gone
    except (OSError, ValueError, RecursionError) as bad:
        raise CheckpointError(f"{path} cannot be read: {bad}.", "Download the checkpoint again.") from bad


def parse_config(raw: Any, where: str) -> ModelConfig:
    """The configuration that a ``config.json`` says, ``where`` naming it in errors. Raises CheckpointError."""
    if not isinstance(raw, dict):
        raise CheckpointError(f"{where} is not a JSON object.", "Download the checkpoint again.")
    architecture = _architecture(raw, where)
    text = raw.get("text_config", {}) if architecture == KIMI else raw
    quantization = raw.get("quantization_config") or (
        text.get("quantization_config") if isinstance(text, dict) else None
    )
    try:
        return ModelConfig.model_validate(
            {
                "architecture": architecture,
                "text": text,
                "vision": raw.get("vision_config", {}) if architecture == KIMI else None,
                "quantization": quantization,
                "media_token_id": raw.get("media_placeholder_token_id", raw.get("image_token_id")),
            }
        )
    except ValidationError as wrong:
        raise told(wrong, where) from wrong


def told(wrong: ValidationError, where: str) -> CheckpointError:
    """What does not fit in the configuration ``where``, as an error with its first place."""
    first = wrong.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    return CheckpointError(f"{where}: {place}: {first['msg']}.", "Take the file from the model's own page.")


def _architecture(raw: dict[str, Any], where: str) -> str:
    named = raw.get("architectures")
    known = [name for name in named if name in (DEEPSEEK, KIMI)] if isinstance(named, list) else []
    if known:
        return str(known[0])
    raise CheckpointError(
        f"{where} names the architecture {named!r}, which is not served.", f"Served are {DEEPSEEK} and {KIMI}."
    )
