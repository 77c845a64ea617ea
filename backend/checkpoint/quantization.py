"""Which tensors of a checkpoint are INT4: ``quantization_config`` of compressed-tensors, pack-quantized."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Weights(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    num_bits: Literal[4] = 4
    type: Literal["int"] = "int"
    symmetric: Literal[True] = True
    strategy: Literal["group"] = "group"
    group_size: int = Field(default=32, ge=32, le=1024, multiple_of=32)
    dynamic: Literal[False] = False
    actorder: None = None


class Quantization(BaseModel):
    """Symmetric INT4 in groups of ``group_size`` inputs, eight nibbles an int32; ``ignore`` stays as it is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    quant_method: Literal["compressed-tensors"]
    format: Literal["pack-quantized"]
    weights: _Weights = _Weights()
    ignore: tuple[str, ...] = Field(default=(), max_length=4096)

    @model_validator(mode="before")
    @classmethod
    def _one_group(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "weights" in value:
            return value
        groups = value.get("config_groups")
        if not isinstance(groups, dict) or len(groups) != 1:
            raise ValueError("exactly one entry in config_groups is supported")
        (group,) = groups.values()
        return {**value, "weights": group.get("weights") if isinstance(group, dict) else group}

    @field_validator("ignore")
    @classmethod
    def _patterns_are_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if pattern.startswith("re:"):
                try:
                    re.compile(pattern[3:])
                except re.error as wrong:
                    raise ValueError(f"{pattern!r} is not a regular expression: {wrong}") from wrong
        return value

    @property
    def group_size(self) -> int:
        return self.weights.group_size
