"""Rotary positions as DeepSeek-V3 has them: interleaved pairs, stretched by yarn (Peng et al., 2023, section 3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from backend.checkpoint.config import TextConfig, Yarn


def _magnitude(factor: float, weight: float) -> float:
    """Yarn's correction of how far scores spread: 1 where nothing is stretched."""
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0


def attention_scale(text: TextConfig) -> float:
    """What scores are multiplied by before the softmax."""
    scale: float = text.qk_head_dim**-0.5
    yarn = text.rope_scaling
    if yarn is not None and yarn.mscale_all_dim:
        scale *= _magnitude(yarn.factor, yarn.mscale_all_dim) ** 2
    return scale


def inverse_frequencies(text: TextConfig) -> Tensor:
    """Radians a token of each pair, float32 [rope / 2]."""
    width = text.qk_rope_head_dim
    periods = text.rope_theta ** (torch.arange(0, width, 2, dtype=torch.float32) / width)
    yarn = text.rope_scaling
    return 1.0 / periods if yarn is None else _stretched(periods, yarn, text)


def _stretched(periods: Tensor, yarn: Yarn, text: TextConfig) -> Tensor:
    """Slow pairs are divided by the factor, fast ones stay, those between are blended.

    In the order of operations of transformers and SGLang: at position 100,000 the last bit of a frequency shows.
    """
    width = text.qk_rope_head_dim

    def pair_that_turns(times: float) -> float:
        length = yarn.original_max_position_embeddings
        return width * math.log(length / (times * 2 * math.pi)) / (2 * math.log(text.rope_theta))

    low = max(math.floor(pair_that_turns(yarn.beta_fast)), 0)
    high = min(math.ceil(pair_that_turns(yarn.beta_slow)), width - 1)
    steps = torch.arange(width // 2, dtype=torch.float32)
    fast = 1 - ((steps - low) / max(high - low, 0.001)).clamp(0, 1)
    return 1.0 / (yarn.factor * periods) * (1 - fast) + 1.0 / periods * fast


class Rope:
    """Cosines and sines of positions."""

    def __init__(self, text: TextConfig, device: torch.device) -> None:
        self._frequencies = inverse_frequencies(text).to(device)
        yarn = text.rope_scaling
        self._magnitude = (
            1.0 if yarn is None else _magnitude(yarn.factor, yarn.mscale) / _magnitude(yarn.factor, yarn.mscale_all_dim)
        )

    def at(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine for ``positions`` [n], each float32 [n, rope / 2]."""
        angles = positions[:, None].float() * self._frequencies
        return angles.cos() * self._magnitude, angles.sin() * self._magnitude


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn the pairs (0, 1), (2, 3) … of ``x`` [..., rope]; what comes out has all firsts, then all seconds.

    Queries and keys are laid out alike, so their products do not depend on the order.
    """
    first, second = x[..., 0::2], x[..., 1::2]
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)
