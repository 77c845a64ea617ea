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


MOST_REPEATS = 4
"""Of a pattern; more of them, or a repeated group, may take longer on one name than anyone waits."""


def _check_pattern(pattern: str) -> None:
    """Raises ValueError for what is no regular expression, or one that could take forever."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as wrong:
        raise ValueError(f"{pattern[:200]!r} is not a regular expression: {wrong}") from wrong
    if len(pattern) > 512 or re.search(r"\)[*+?{]", pattern) or len(re.findall(r"[*+{]", pattern)) > MOST_REPEATS:
        raise ValueError(f"the pattern {pattern[:200]!r} is more elaborate than such patterns are")


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
                _check_pattern(pattern[3:])
        return value

    @property
    def group_size(self) -> int:
        return self.weights.group_size
