"""The checkpoint that is quantized: its configuration, and its tensors piece by piece.

Tensors are read, not mapped, a bounded number of rows at a time, so memory does not grow with the checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.checkpoint.config import ModelConfig, parse_config, read_json
from backend.checkpoint.index import AGAIN, SIZES, TensorEntry, read_index
from backend.errors import CheckpointError

PIECE = 2**20
"""Elements that are worked on at once."""
INVERSE = "_scale_inv"
"""DeepSeek's FP8 (e4m3): ``weight_scale_inv`` is what each block of a weight is multiplied with."""
TYPES = {
    "BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32, "F64": torch.float64,
    "F8_E4M3": torch.float8_e4m3fn,
}  # fmt: skip


class Source:
    """A checkpoint folder to read from. Raises CheckpointError for one that cannot be quantized."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        where = str(folder / "config.json")
        raw = read_json(folder)
        self.raw: dict[str, Any] = raw if isinstance(raw, dict) else {}
        self._block = self._fp8_block()
        self.config: ModelConfig = parse_config(_plain(self.raw), where)
        index = read_index(folder)
        self.tensors = index.tensors
        self.shards = index.shards

    @property
    def fingerprint(self) -> str:
        """What says that a half-done result is of this checkpoint: its configuration and all tensors' places."""
        places = [(name, one.file, one.dtype, one.shape, one.begin) for name, one in sorted(self.tensors.items())]
        return hashlib.sha256(json.dumps([self.raw, places], sort_keys=True).encode()).hexdigest()

    def pieces(self, name: str) -> Iterator[Tensor]:
        """A matrix's rows, some at a time, [rows, columns]; FP8 in float32, anything else in its own type."""
        entry = self.tensors[name]
        rows, columns = _matrix(name, entry)
        step = max(1, PIECE // max(1, columns))
        scale = None
        if entry.dtype == "F8_E4M3":
            height, scale = self._scales(name)
            step = max(1, step // height) * height
        for first in range(0, rows, step):
            piece = self._elements(entry, first * columns, min(step, rows - first) * columns).view(-1, columns)
            yield piece if scale is None else self._scaled(piece, scale, first)

    def run(self, name: str) -> Iterator[Tensor]:
        """A tensor of any shape as runs of its elements; FP8 in float32, anything else in its own type."""
        entry = self.tensors[name]
        if entry.dtype == "F8_E4M3":
            yield from self.pieces(name)
            return
        count = (entry.end - entry.begin) // SIZES[entry.dtype]
        for first in range(0, count, PIECE):
            yield self._elements(entry, first, min(PIECE, count - first))

    def _elements(self, entry: TensorEntry, first: int, count: int) -> Tensor:
        kind = TYPES[entry.dtype]
        data = bytearray(count * kind.itemsize)
        try:
            with (self.folder / entry.file).open("rb", buffering=0) as file:
                file.seek(entry.begin + first * kind.itemsize)
                view = memoryview(data)
                while view:
                    read = file.readinto(view)
                    if not read:
                        raise CheckpointError(f"{self.folder / entry.file} has become shorter.", AGAIN)
                    view = view[read:]
        except OSError as error:
            raise CheckpointError(f"{self.folder / entry.file} cannot be read: {error.strerror}.", AGAIN) from error
        return torch.frombuffer(data, dtype=kind)

    def _scales(self, name: str) -> tuple[int, Tensor]:
        """The height of a block of an FP8 tensor, and what each block is multiplied with."""
        found = self.tensors.get(name + INVERSE)
        entry = self.tensors[name]
        if found is None or self._block is None:
            raise CheckpointError(f"{name} is FP8, but {name + INVERSE} or weight_block_size is missing.", AGAIN)
        wanted = tuple(-(-size // block) for size, block in zip(entry.shape, self._block, strict=False))
        if found.shape != wanted or found.dtype not in ("F32", "BF16") or len(entry.shape) != 2:
            raise CheckpointError(f"{name + INVERSE} is {list(found.shape)}, not {list(wanted)}.", AGAIN)
        return self._block[0], self._elements(found, 0, wanted[0] * wanted[1]).view(wanted).float()

    def _scaled(self, piece: Tensor, scale: Tensor, first: int) -> Tensor:
        assert self._block is not None
        height, width = self._block
        part = scale[first // height : -(-(first + len(piece)) // height)]
        spread = part.repeat_interleave(height, 0)[: len(piece)].repeat_interleave(width, 1)[:, : piece.shape[1]]
        return piece.float() * spread

    def _fp8_block(self) -> tuple[int, int] | None:
        """The block size of DeepSeek's FP8; None for a checkpoint in bf16, fp16 or fp32."""
        text = self.raw.get("text_config")
        given = self.raw.get("quantization_config") or (
            text.get("quantization_config") if isinstance(text, dict) else None
        )
        if not given:
            return None
        method: Any = given.get("quant_method") if isinstance(given, dict) else given
        block: Any = given.get("weight_block_size") if isinstance(given, dict) else None
        if method != "fp8" or not _is_pair(block):
            raise CheckpointError(
                f"{self.folder} is quantized already ({method}).", "Name a checkpoint in bf16, fp16, fp32 or block FP8."
            )
        return int(block[0]), int(block[1])


def _matrix(name: str, entry: TensorEntry) -> tuple[int, int]:
    if len(entry.shape) != 2 or not 0 < entry.shape[1] <= PIECE:
        raise CheckpointError(f"{name} is {list(entry.shape)}, which no matrix of this architecture is.", AGAIN)
    return entry.shape[0], entry.shape[1]


def _is_pair(block: Any) -> bool:
    return isinstance(block, list) and len(block) == 2 and all(type(size) is int and 0 < size <= 4096 for size in block)


def _plain(raw: dict[str, Any]) -> dict[str, Any]:
    """A configuration without its quantization."""
    text = raw.get("text_config")
    rest = {key: value for key, value in raw.items() if key != "quantization_config"}
    if isinstance(text, dict):
        rest["text_config"] = {key: value for key, value in text.items() if key != "quantization_config"}
    return rest
