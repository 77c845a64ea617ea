"""Writes one shard of the result: beside its place, tensor by tensor, then moved there whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from backend.checkpoint.int4 import ZERO, pack, quantize
from backend.errors import BackendError, CheckpointError
from backend.quantize.parts import Part
from backend.quantize.recovery import recovered, was_int4
from backend.quantize.report import Error, Report
from backend.quantize.source import Source

PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Written:
    """What there is to know of a shard that is done."""

    size: int
    sha256: str
    report: Report


class ShardWriter:
    """Writes the parts of one shard to ``path``. ``told`` hears of bytes as they are written."""

    def __init__(self, source: Source, path: Path, group: int, told: Callable[[int], None]) -> None:
        self._source = source
        self._path = path
        self._group = group
        self._told = told
        self._digest = hashlib.sha256()
        self._size = 0
        self._report = Report()

    def write(self, parts: list[Part]) -> Written:
        """Raises CheckpointError for weights that are no numbers, BackendError for a disk that is full."""
        partial = self._path.with_name(self._path.name + PARTIAL)
        try:
            with partial.open("wb", buffering=0) as file:
                for data in self._bytes(parts):
                    self._put(file.fileno(), data)
                os.fsync(file.fileno())
            partial.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise not_written(self._path, error) from error
        return Written(self._size, self._digest.hexdigest(), self._report)

    def _put(self, file: int, data: memoryview) -> None:
        self._digest.update(data)
        self._size += len(data)
        self._told(len(data))
        while data:
            data = data[os.write(file, data) :]

    def _bytes(self, parts: list[Part]) -> Iterator[memoryview]:
        yield memoryview(header(parts))
        for part in parts:
            if part.layer is None:
                kind = torch.float32 if part.outputs[0].dtype == "F32" else torch.bfloat16
                yield from (_view(piece.to(kind)) for piece in self._source.run(part.name))
            else:
                yield from self._packed(part)

    def _packed(self, part: Part) -> Iterator[memoryview]:
        """The shape, the packed rows as they come, and the scales, which are kept until then."""
        assert part.layer is not None
        yield _view(torch.tensor(self._source.tensors[part.name].shape, dtype=torch.int64))
        scales: list[Tensor] = []
        was = False
        for piece in self._source.pieces(part.name):
            weight = piece.float()
            if not torch.isfinite(weight).all():
                raise CheckpointError(
                    f"{part.name} holds values that are not finite numbers.", "Download the checkpoint again."
                )
            nibbles, scale = quantize(weight, self._group)
            was = was_int4(weight, nibbles, scale) if not scales else was
            if was:
                nibbles, scale = recovered(weight, nibbles, scale)
            self._report.add(part.layer, _error(weight, nibbles, scale))
            scales.append(scale)
            yield _view(pack(nibbles))
        yield _view(torch.cat(scales))


def header(parts: list[Part]) -> bytes:
    """The length and the header of a safetensors file, padded so that the data start at a multiple of 8."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    place = 0
    for output in (output for part in parts for output in part.outputs):
        entries[output.name] = {
            "dtype": output.dtype,
            "shape": list(output.shape),
            "data_offsets": [place, place + output.size],
        }
        place += output.size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _error(weight: Tensor, nibbles: Tensor, scale: Tensor) -> Error:
    """Against the weights that engines take: codes by scales, rounded to bf16."""
    codes = nibbles.float().sub_(ZERO).view(*scale.shape, -1)
    off = (codes.mul_(scale.float().unsqueeze(-1)).view(weight.shape).bfloat16() - weight).double()
    return Error(float(off.square().sum()), float(weight.double().square().sum()), float(off.abs().max()))


def _view(tensor: Tensor) -> memoryview:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().data


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def not_written(path: Path, error: OSError) -> BackendError:
    """The error for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BackendError(
            f"The disk is full: {path} could not be written.", "Make room and run the same command; it goes on there."
        )
    return BackendError(f"{path} could not be written: {error.strerror}.", "Mend that and run the same command again.")
