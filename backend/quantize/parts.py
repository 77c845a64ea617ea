"""What becomes of each tensor of a shard: copied as bf16, packed as INT4, or left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backend.checkpoint.config import ModelConfig
from backend.checkpoint.index import AGAIN, SIZES, TensorEntry
from backend.checkpoint.int4 import PER_WORD
from backend.checkpoint.kimi import IGNORE, IGNORE_SEEING
from backend.errors import CheckpointError
from backend.quantize.source import INVERSE, TYPES, Source

EXPERT = re.compile(r"\.layers\.(\d{1,6})\.mlp\.experts\.\d{1,6}\.(gate|up|down)_proj\.weight$")
COMPUTED = ".rotary_emb.inv_freq"
"""Old checkpoints hold frequencies that every engine computes."""
ROWS = 4
"""Rows of a packed matrix come in such multiples, so that every tensor of a shard starts where its type may."""


@dataclass(frozen=True, slots=True)
class Output:
    """One tensor of the result."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        count = 1
        for one in self.shape:
            count *= one
        return count * SIZES[self.dtype]


@dataclass(frozen=True, slots=True)
class Part:
    """One tensor of the source and what it becomes, in the order in which it is written."""

    name: str
    outputs: tuple[Output, ...]
    layer: tuple[int, str] | None = None
    """Of a packed one: the layer's number and which matrix it is."""

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(one.size for one in self.outputs)


def parts_of(source: Source, shard: str, group: int) -> list[Part]:
    """The parts of one shard. Raises CheckpointError for a tensor that cannot be packed or whose type is unknown."""
    found = [
        _part(source.config, name, entry, group)
        for name, entry in source.tensors.items()
        if entry.file == shard and not name.endswith((INVERSE, COMPUTED))
    ]
    return sorted(found, key=lambda part: (part.size % 8 != 0, -SIZES[part.outputs[0].dtype]))


def _part(config: ModelConfig, name: str, entry: TensorEntry, group: int) -> Part:
    if entry.dtype not in TYPES:
        raise CheckpointError(f"{name} is of the type {entry.dtype}, which is not expected here.", AGAIN)
    expert = EXPERT.search(name)
    if expert is None:
        kept = name.endswith("e_score_correction_bias") and entry.dtype == "F32"
        return Part(name, (Output(name, "F32" if kept else "BF16", entry.shape),))
    inner, hidden = config.text.moe_intermediate_size, config.text.hidden_size
    wanted = (hidden, inner) if expert[2] == "down" else (inner, hidden)
    if entry.shape != wanted:
        raise CheckpointError(f"{name} is {list(entry.shape)}, not {list(wanted)}.", AGAIN)
    rows, columns = wanted
    if columns % group or rows % ROWS:
        raise CheckpointError(
            f"{name} is {rows} by {columns}: INT4 takes rows by {ROWS} and columns by groups of {group}.",
            "Choose another group size.",
        )
    return Part(name, tuple(_packed(name, rows, columns, group)), (int(expert[1]), f"{expert[2]}_proj"))


def _packed(name: str, rows: int, columns: int, group: int) -> Iterator[Output]:
    yield Output(f"{name}_shape", "I64", (2,))
    yield Output(f"{name}_packed", "I32", (rows, columns // PER_WORD))
    yield Output(f"{name}_scale", "BF16", (rows, columns // group))


def unpacked_modules(source: Source) -> tuple[str, ...]:
    """Linear layers beside the routed experts that Kimi's own patterns do not name, such as those that guess ahead."""
    patterns = [re.compile(one.removeprefix("re:")) for one in (*IGNORE, *IGNORE_SEEING)]
    known = ("embed_tokens.weight", ".mlp.gate.weight")
    found = [
        name.removesuffix(".weight")
        for name, entry in source.tensors.items()
        if name.endswith(".weight") and len(entry.shape) == 2 and not EXPERT.search(name) and not name.endswith(known)
    ]
    prefix = source.config.prefix
    return tuple(sorted(name for name in found if not any(one.match(name.removeprefix(prefix)) for one in patterns)))
