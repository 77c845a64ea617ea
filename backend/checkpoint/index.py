"""Where a checkpoint's tensors lie: shards and their headers, every one checked before a byte of a tensor is read.

Format of a shard: safetensors (eight bytes little-endian length, that much JSON, then the data without holes).
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import CheckpointError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
LARGEST_HEADER = 32 * 2**20  # bytes; a shard of Kimi K2.5 has half a megabyte
LARGEST_INDEX = 128 * 2**20  # bytes; that of Kimi K2.5 has some 25 million
MOST_DIMENSIONS = 8
SIZES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
"""Bytes of one element, by the format's names."""
AGAIN = "Download the checkpoint again."
SHOWN = 200
"""Most characters of a file's own words in an error."""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor: its shard, what it is, and where its bytes lie, counted from the shard's beginning."""

    file: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Index:
    """All tensors of a checkpoint by their names. ``total_bytes`` is what they take, without the headers."""

    folder: Path
    tensors: Mapping[str, TensorEntry]
    total_bytes: int

    @property
    def shards(self) -> tuple[str, ...]:
        """The names of the shards, in order."""
        return tuple(sorted({entry.file for entry in self.tensors.values()}))


def read_index(folder: Path) -> Index:
    """Reads the headers of all shards. Raises CheckpointError for what is missing, cut short or does not add up."""
    named = _named(folder)
    tensors: dict[str, TensorEntry] = {}
    for shard in [SINGLE] if named is None else sorted(set(named.values())):
        for name, entry in read_shard(folder, shard):
            if named is None or named.get(name) == shard:  # the index is what counts; a shard may hold more
                tensors[name] = entry
    missing = sorted((named or {}).keys() - tensors.keys())
    if missing and named is not None:
        raise CheckpointError(
            f"{folder / named[missing[0]]} does not hold {_short(missing[0])}, though {INDEX} says so"
            f" ({len(missing)} such tensors).",
            AGAIN,
        )
    return Index(folder, tensors, sum(entry.end - entry.begin for entry in tensors.values()))


def _named(folder: Path) -> dict[str, str] | None:
    """Which shard holds which tensor, by the index; None for a checkpoint of one shard."""
    path = folder / INDEX
    if not path.exists():
        if (folder / SINGLE).exists():
            return None
        raise CheckpointError(f"{folder} has neither {SINGLE} nor {INDEX}.", "Name the folder of a checkpoint.")
    raw = _json(path, _bounded(path, LARGEST_INDEX))
    found = raw.get("weight_map") if isinstance(raw, dict) else None
    if not isinstance(found, dict) or not found:
        raise CheckpointError(f"{path} has no weight_map.", AGAIN)
    for name, shard in found.items():
        if not isinstance(shard, str) or not _is_shard(shard):
            raise CheckpointError(
                f"{path}: the shard of {_short(name)} is {_short(shard)}, which is no file of this folder.", AGAIN
            )
    return found


def _is_shard(name: str) -> bool:
    """Whether a name is that of a file in the folder itself, not a way out of it."""
    return name.endswith(".safetensors") and len(name) < 256 and not set(name) & set("/\\:\0")


def _short(value: Any) -> str:
    """A file's own words, as an error may show them."""
    shown = repr(value[:SHOWN] if isinstance(value, str) else value)
    return shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"


def _bounded(path: Path, most: int) -> bytes:
    try:
        if not path.is_file():
            raise CheckpointError(f"{path} is not a file.", AGAIN)
        if path.stat().st_size > most:
            raise CheckpointError(f"{path} is larger than {most} bytes, which no such file is.", AGAIN)
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.", AGAIN) from error


def _json(path: Path, data: bytes) -> Any:
    try:
        return json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} does not hold the JSON that it should: {str(error)[:SHOWN]}.", AGAIN) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which each key stands once: with two, programs differ in which tensor they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def read_shard(folder: Path, shard: str) -> Iterator[tuple[str, TensorEntry]]:
    """The tensors of one shard, in the header's order. Raises CheckpointError."""
    path = folder / shard
    if path.exists() and not path.is_file():
        raise CheckpointError(f"{path} is not a file.", AGAIN)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            head = file.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else -1
            if not 2 <= length <= min(LARGEST_HEADER, size - 8):
                raise CheckpointError(f"{path} is cut short or no safetensors file.", AGAIN)
            header = _json(path, file.read(length))
    except FileNotFoundError as gone:
        raise CheckpointError(f"The shard {path} is missing.", "Download it too.") from gone
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.", AGAIN) from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: its header is no JSON object.", AGAIN)
    header.pop("__metadata__", None)
    yield from _entries(path, header, 8 + length, size)


def _entries(path: Path, header: dict[str, Any], start: int, size: int) -> Iterator[tuple[str, TensorEntry]]:
    found = [(name, _entry(path, name, value, start)) for name, value in header.items()]
    last = start
    for name, entry in sorted(found, key=lambda one: (one[1].begin, one[1].end)):
        if entry.begin != last:
            fault = "overlaps another tensor" if entry.begin < last else "comes after bytes of no tensor"
            raise CheckpointError(f"{path}: {_short(name)} {fault}.", AGAIN)
        last = entry.end
    if last != size:
        fault = "is cut short" if last > size else "holds more than its header says"
        raise CheckpointError(f"{path} {fault}: {size} bytes of {last}.", AGAIN)
    yield from found


def _entry(path: Path, name: str, value: Any, start: int) -> TensorEntry:
    """One tensor's place. Raises CheckpointError for one whose size is not that of its shape."""
    try:
        dtype, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
        known = dtype in SIZES
        plain = (
            isinstance(shape, list)
            and len(shape) <= MOST_DIMENSIONS
            and all(type(one) is int and 0 <= one < 2**40 for one in shape)
            and type(begin) is int
            and type(end) is int
            and 0 <= begin <= end < 2**60
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the entry of {_short(name)} cannot be read.", AGAIN) from error
    if not known:
        raise CheckpointError(f"{path}: {_short(name)} is of the type {_short(dtype)}, which is not known.", AGAIN)
    if not plain or end - begin != SIZES[dtype] * math.prod(shape):
        raise CheckpointError(
            f"{path}: the size of {_short(name)} is not that of its shape {_short(shape)} ({dtype}).", AGAIN
        )
    return TensorEntry(path.name, dtype, tuple(shape), start + begin, start + end)
