"""How large a small checkpoint is. Sizes suit every engine: groups of 32 inputs, rows by 16, halves for two ranks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VisionShape:
    """The tower that sees. Head size is a multiple of 4; the grid of learned positions is square."""

    patch: int = 14
    hidden: int = 64
    inner: int = 96
    heads: int = 2
    layers: int = 2
    grid: int = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """The language model, and the tower for the architecture that has one. ``context`` is in tokens."""

    vocab: int = 512
    hidden: int = 128
    layers: int = 3
    dense_layers: int = 1
    dense_inner: int = 128
    heads: int = 4
    q_lora: int | None = 64
    kv_lora: int = 64
    nope: int = 32
    rope: int = 32
    value: int = 32
    experts: int = 8
    active: int = 2
    shared: int = 1
    inner: int = 64
    groups: int = 1
    reachable_groups: int = 1
    context: int = 8192
    group_size: int = 32
    vision: VisionShape = VisionShape()


SHAPES = {
    "default": Shape(),
    # The head sizes of K2, which some kernels are written for.
    "k2_heads": Shape(
        hidden=256, layers=2, q_lora=128, kv_lora=512, nope=128, rope=64, value=128, experts=16, active=8
    ),
    # 195.5 million parameters: large enough that the weights, not the calls, take the time.
    "bench": Shape(
        vocab=8192, hidden=512, layers=8, dense_inner=1024, heads=8, q_lora=256, kv_lora=128, nope=64, rope=32,
        value=64, experts=64, active=8, inner=256, context=4096,
    ),
}  # fmt: skip
"""By the names that ``python -m backend tiny --shape`` takes."""
