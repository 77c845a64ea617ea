"""Every way in which a model goes on a group of like nodes, and the best of them for a wish."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backend.planner.gpu import Gpu
from backend.planner.layout import cuts, unfit
from backend.planner.memory import Budget, CacheType, Cut, budgets, cache_per_token, multimodal, weights_of_gpu
from backend.planner.shape import Shape
from backend.planner.wish import Wish

STEP = 1024  # tokens; a context that is chosen is a multiple of it
LEAST_CONTEXT = 4096  # tokens; what nobody asked for is not cut below


@dataclass(frozen=True, slots=True)
class Group:
    """``nodes`` servers with ``gpus`` GPUs of one kind each."""

    gpu: Gpu
    nodes: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One layout in numbers of bytes a GPU. ``spans``: nodes of one copy; ``copies``: copies in all."""

    cut: Cut
    budget: Budget
    spans: int
    copies: int
    weights: int
    per_token: int
    cache_type: CacheType
    images: int

    @property
    def cache(self) -> int:
        """What is left for the KV cache; below 0 if not even the weights fit."""
        return self.budget.static - self.weights - self.images

    @property
    def tokens(self) -> int:
        """Tokens in the cache of one GPU, which under MLA are those of its whole group."""
        return max(0, self.cache) // self.per_token

    @property
    def all_tokens(self) -> int:
        """Different tokens in the caches of all copies."""
        return self.copies * self.cut.data * self.tokens

    def requests(self, context: int) -> int:
        """How many requests of this length run at the same time, over all copies."""
        fitting = self.cut.data * (self.tokens // context)
        return self.copies * (fitting if self.budget.running is None else min(fitting, self.budget.running))

    def longest(self, requests: int) -> int:
        """The longest context with which so many requests fit, in whole steps."""
        share = -(-requests // (self.copies * self.cut.data))
        return self.tokens // share // STEP * STEP

    @property
    def tier(self) -> tuple[bool, bool, bool]:
        """What is less good: over nodes, attention by data (needs many requests at once), a tight reserve."""
        return self.spans > 1, self.cut.data > 1, self.budget.tight


def default_cache_type(shape: Shape, gpu: Gpu, wished: CacheType) -> CacheType:
    """The cookbook's recipe for AMD has an FP8 cache; elsewhere it is as wished."""
    return "fp8_e4m3" if wished == "auto" and gpu.vendor == "amd" and shape.attention == "mla" else wished


def candidates(shape: Shape, group: Group, wish: Wish) -> Iterator[Candidate]:
    """All that is possible, whether it fits or not."""
    if unfit(group.gpu):
        return
    inside = [(size, 1) for size in range(1, group.gpus + 1)]
    across = [(group.gpus * span, span) for span in range(2, group.nodes + 1)]
    for tensor, spans in inside + across:
        for cut in cuts(shape, group.gpu, tensor):
            if cut.data > 1 and group.gpus // tensor > 1:
                continue  # SGLang runs no copies beside attention by data
            copies = (group.gpus // tensor) * group.nodes if spans == 1 else group.nodes // spans
            for budget in budgets(shape, group.gpu, cut, -(-wish.requests // copies)):
                yield _candidate(shape, group.gpu, cut, budget, spans, copies, wish)


def _candidate(shape: Shape, gpu: Gpu, cut: Cut, budget: Budget, spans: int, copies: int, wish: Wish) -> Candidate:
    cache_type = default_cache_type(shape, gpu, wish.cache_type)
    return Candidate(
        cut=cut,
        budget=budget,
        spans=spans,
        copies=copies,
        weights=weights_of_gpu(shape, cut),
        per_token=cache_per_token(shape, cut, cache_type),
        cache_type=cache_type,
        images=multimodal(shape, spans),
    )


def best(found: list[Candidate], context: int, requests: int) -> Candidate | None:
    """Of those that hold so many requests of this length the one with the most room, in the best tier."""
    fitting = [one for one in found if one.requests(context) >= requests]
    if not fitting:
        return None
    tier = min(one.tier for one in fitting)
    same = [one for one in fitting if one.tier == tier]
    return max(same, key=lambda one: (one.requests(context), one.all_tokens, -one.cut.tensor))


def longest(found: list[Candidate], requests: int, at_most: int) -> tuple[Candidate, int] | None:
    """The longest context that any layout has for so many requests, and the layout; None if none is of use."""
    if not found:
        return None
    length = min(at_most, max(one.longest(requests) for one in found))
    if length < min(LEAST_CONTEXT, at_most):
        return None
    chosen = best(found, length, requests)
    return None if chosen is None else (chosen, length)
