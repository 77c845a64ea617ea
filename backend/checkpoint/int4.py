"""Symmetric INT4 as compressed-tensors packs it: eight nibbles an int32, low nibble first, along the inputs.

A weight is ``(nibble - 8) * scale``; a scale (bf16) holds for ``group`` inputs of one output. Shapes: weight [out, in],
packed int32 [out, in / 8], scale bf16 [out, in / group]. Format: compressed-tensors, "pack-quantized".
"""

from __future__ import annotations

import torch
from torch import Tensor

PER_WORD = 8
ZERO = 8
SMALLEST_SCALE = 2.0**-20  # of a group of zeros; any scale is right for it, none may be 0


def unpack(packed: Tensor) -> Tensor:
    """The nibbles, uint8 [out, in], 0 to 15."""
    shifts = torch.arange(0, 32, 4, dtype=torch.int32, device=packed.device)
    return ((packed.unsqueeze(-1) >> shifts) & 15).to(torch.uint8).flatten(-2)


def pack(nibbles: Tensor) -> Tensor:
    """The other way: uint8 [out, in] to int32 [out, in / 8]."""
    words = nibbles.reshape(*nibbles.shape[:-1], -1, PER_WORD).to(torch.int64)
    shifts = torch.arange(0, 32, 4, dtype=torch.int64, device=nibbles.device)
    whole = (words << shifts).sum(-1)
    return torch.where(whole >= 2**31, whole - 2**32, whole).to(torch.int32)


def quantize(weight: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """Nibbles, uint8 [out, in], and scales, bf16 [out, in / group].

    The scale is rounded to bf16 before the codes are chosen: they are the nearest ones of the scale that is stored.
    """
    grouped = weight.float().reshape(*weight.shape[:-1], -1, group)
    scale = (grouped.abs().amax(-1) / 7).clamp_min(SMALLEST_SCALE).bfloat16()
    codes = torch.round(grouped / scale.float().unsqueeze(-1)).clamp(-8, 7)
    return (codes + ZERO).to(torch.uint8).flatten(-2), scale


def dequantize(packed: Tensor, scale: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """The weight [out, in], rounded to bf16 as compressed-tensors rounds it, then as ``dtype``."""
    codes = unpack(packed).float() - ZERO
    grouped = codes.reshape(*scale.shape, -1) * scale.float().unsqueeze(-1)
    weight: Tensor = grouped.flatten(-2).bfloat16().to(dtype)
    return weight
