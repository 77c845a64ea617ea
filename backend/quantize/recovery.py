"""Weights that were INT4 once and were unpacked to bf16 go back to the very codes and scales that they came from.

The largest weight of a group does not say its scale to the last bit, for it was rounded when it was unpacked, and it
may have been the code -8. So the neighbours of both guesses are tried, and one is taken only if it gives back every
weight of the group bit for bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from backend.checkpoint.int4 import SMALLEST_SCALE, ZERO

LOOK = 8
"""Rows that say whether a matrix was INT4 once."""


def was_int4(weight: Tensor, nibbles: Tensor, scale: Tensor) -> bool:
    """Whether most groups of the first rows can be given back exactly; of other weights, hardly any can."""
    rows = slice(0, LOOK)
    codes, scales = recovered(weight[rows], nibbles[rows], scale[rows])
    return bool(_exact(_grouped(weight[rows], scales), _grouped(codes, scales), scales).float().mean() > 0.5)


def recovered(weight: Tensor, nibbles: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Nibbles [rows, columns] and scales [rows, groups]: exact ones where there are such, else as they were."""
    grouped = _grouped(weight.float(), scale)
    largest = grouped.abs().amax(-1)
    codes, scales = _grouped(nibbles, scale).clone(), scale.clone()
    found = _exact(grouped, codes, scales)
    for greatest in (7, 8):
        guess = (largest / greatest).clamp_min(SMALLEST_SCALE).bfloat16()
        for step in (0, -1, 1):
            tried = (guess.view(torch.int16) + step).view(torch.bfloat16)
            chosen = (torch.round(grouped / tried.float().unsqueeze(-1)).clamp(-8, 7) + ZERO).to(torch.uint8)
            fits = ~found & _exact(grouped, chosen, tried)
            codes[fits], scales[fits] = chosen[fits], tried[fits]
            found |= fits
    return codes.flatten(-2), scales


def _grouped(values: Tensor, scale: Tensor) -> Tensor:
    return values.reshape(*scale.shape, -1)


def _exact(grouped: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
    """Of each group, whether codes and scale give back its weights bit for bit, rounded to bf16."""
    unpacked = ((codes.float() - ZERO) * scale.float().unsqueeze(-1)).bfloat16()
    return (unpacked == grouped).all(-1)
