"""What is done after loading to be fast: the compiled path, or without it copies that suit torch's kernels.

Copies are made only while they fit into half of the memory that is free, the most useful first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

import psutil
import torch

from backend.checkpoint.config import TextConfig
from backend.engine.model.compiler import compiled
from backend.engine.model.experts import Experts
from backend.engine.model.int4 import Int4Linear
from backend.engine.model.layers import FeedForward, Linear
from backend.engine.model.model import Weights
from backend.engine.model.native import Native

SHARE = 0.5
_log = logging.getLogger(__name__)


def hasten(text: TextConfig, weights: Weights, device: torch.device) -> Native | None:
    """The compiled path over ``weights``; None where there is none, and copies are made instead."""
    if device.type != "cpu":
        return None
    library = compiled() if Native.takes(text) else None
    if library is None:
        budget = _Budget()
        packed = list(_packed(weights))
        budget.spend("INT4 tiles", ((part.packed.nbytes, part.tile) for part in packed))
        budget.spend("float32 attention", ((2 * part.weight.nbytes, part.widen) for part in _linears(weights)))
        budget.spend("bf16 experts", ((4 * part.packed.nbytes, part.keep_dense) for part in packed))
        return None
    native = Native(library, text, weights.layers)
    for part in _packed(weights):
        part.unpacked = native.dequantize
    return native


class _Budget:
    """Bytes that may still be taken."""

    def __init__(self) -> None:
        self._left = int(psutil.virtual_memory().available * SHARE)

    def spend(self, what: str, wishes: Iterable[tuple[int, Callable[[], object]]]) -> None:
        """Grant all wishes of a kind, or none: half of them would make speed depend on the expert."""
        listed = list(wishes)
        cost = sum(size for size, _ in listed)
        if cost > self._left:
            _log.warning("%s would take %.1f GiB, more than may be taken: slower without", what, cost / 2**30)
            return
        self._left -= cost
        for _, grant in listed:
            grant()


def _feeds(weights: Weights) -> Iterator[FeedForward]:
    for layer in weights.layers:
        if isinstance(layer.mixing, FeedForward):
            yield layer.mixing
        elif layer.mixing.shared is not None:
            yield layer.mixing.shared


def _packed(weights: Weights) -> Iterator[Int4Linear]:
    for layer in weights.layers:
        if isinstance(layer.mixing, Experts):
            for expert in layer.mixing.experts:
                for part in (expert.gate, expert.up, expert.down):
                    if isinstance(part, Int4Linear):
                        yield part


def _linears(weights: Weights) -> Iterator[Linear]:
    """All that every token passes through."""
    yield weights.head
    for layer in weights.layers:
        attention = layer.attention
        for part in (attention.q_a, attention.q_b, attention.kv_a, attention.kv_b, attention.out):
            if part is not None:
                yield part
    for feed in _feeds(weights):
        for matrix in (feed.gate, feed.up, feed.down):
            if isinstance(matrix, Linear):
                yield matrix
