"""A matrix whose weights are INT4 as compressed-tensors packs them, and what it is multiplied with.

Value ``w[n, k] = (nibble - 8) * scale[n, k / group]``; nibble ``k % 8`` of word ``k / 8`` counts from the low bits.
``aten::_weight_int4pack_mm_for_cpu`` computes just that with a zero point of 0, three times as fast as bf16 for a few
rows and ten times as slow for many, so many rows take a bf16 copy, kept or made on the spot.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.checkpoint.int4 import dequantize, unpack

FEW_ROWS = 6
"""Rows up to which the INT4 kernel is faster than bf16 (measured at 512x256 to 7168x2048)."""


class Int4Linear:
    """An INT4 matrix: ``packed`` int32 [out, in / 8], ``scale`` bf16 [out, in / group], straight from the file."""

    def __init__(self, packed: Tensor, scale: Tensor) -> None:
        self.packed = packed
        self.scale = scale
        self._tiles: tuple[Tensor, int, Tensor] | None = None
        self._dense: Tensor | None = None
        self.unpacked: Callable[[Tensor, Tensor], Tensor] = dequantize
        """What makes bf16 [out, in] of the two; the compiled path puts its own here, for the same bits."""

    @property
    def group_size(self) -> int:
        return self.packed.shape[1] * 8 // self.scale.shape[1]

    def tile(self) -> bool:
        """Prepare the INT4 kernel of torch, where it takes this shape; it costs the packed weights a second time."""
        out, width = self.packed.shape[0], self.packed.shape[1] * 8
        if self.packed.device.type != "cpu" or out % 16 or width % 32 or self.group_size not in (32, 64, 128, 256):
            return False
        tiles = torch.ops.aten._convert_weight_to_int4pack_for_cpu(unpack(self.packed).int(), 1)
        scale_and_zero = torch.zeros(self.scale.shape[1], out, 2, dtype=torch.bfloat16)
        scale_and_zero[..., 0] = self.scale.t()
        self._tiles = tiles, self.group_size, scale_and_zero
        return True

    def keep_dense(self) -> None:
        """Keep a bf16 copy for calls with many rows: four times the packed weights."""
        self._dense = self.dense()

    def dense(self) -> Tensor:
        """bf16 [out, in]."""
        return self.unpacked(self.packed, self.scale) if self._dense is None else self._dense

    def __call__(self, x: Tensor) -> Tensor:
        if self._tiles is not None and x.shape[0] <= FEW_ROWS:
            y: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(x.bfloat16(), *self._tiles)
            return y.float()
        return F.linear(x.bfloat16(), self.dense()).float()
