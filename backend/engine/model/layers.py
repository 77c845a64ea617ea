"""The small parts: a linear map, the norm, the gated feed-forward part. Activations are float32, weights bf16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

FEW_ROWS = 8
"""Up to here a float32 copy of a weight is faster on a CPU than bf16, whose kernels take long to set up."""


class Map(Protocol):
    """A matrix of a checkpoint, whatever its form: float32 [n, in] -> float32 [n, out]."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Linear:
    """A bf16 matrix [out, in]. ``widen`` keeps a float32 copy beside it, for few rows."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.wide: Tensor | None = None

    def widen(self) -> None:
        self.wide = self.weight.float()

    def __call__(self, x: Tensor) -> Tensor:
        if self.wide is not None and x.shape[0] <= FEW_ROWS:
            return F.linear(x, self.wide)
        return F.linear(x.to(self.weight.dtype), self.weight).float()


@dataclass(frozen=True, slots=True)
class Norm:
    """Root-mean-square norm with a float32 weight [width]."""

    weight: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        # F.rms_norm is composed of many small operations on a CPU and takes longer.
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon) * self.weight


@dataclass(frozen=True, slots=True)
class FeedForward:
    """down(silu(gate(x)) * up(x)): a dense layer, one expert, or the experts that all tokens share."""

    gate: Map
    up: Map
    down: Map

    def __call__(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))
