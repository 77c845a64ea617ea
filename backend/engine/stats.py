"""What an engine tells about itself: how busy it is now, and totals that only grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from backend.engine.cache import Cache
from backend.engine.counters import Counters

WINDOW = 5.0
"""Seconds over which tokens a second are counted."""

Quantity = Literal["queue_time", "time_to_first_token", "inter_token", "end_to_end"]
"""What is measured of each request, in seconds: until it first ran, until its first token came, from each token to the
next, until its end (cancelled and failed ones too)."""
Observe = Callable[[Quantity, float], None]
"""Takes one measurement. Called on the event loop."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Tokens where nothing else is said. From ``requests`` on: totals since the start."""

    running: int
    """Requests that are being worked on."""
    waiting: int
    """Requests that are not, those whose grammar is being compiled included."""
    used_tokens: int
    """Room in the cache that running requests take."""
    kept_tokens: int
    """Room that only known prefixes take; it is given up when it is needed."""
    total_tokens: int
    """Room in the cache."""
    tokens_per_second: float
    """Generated ones, over the last seconds."""
    cache_hit_rate: float
    """Share of all prompts' tokens that were in the cache, 0 to 1."""
    requests: int
    prompt_tokens: int
    cached_tokens: int
    computed_tokens: int
    generated_tokens: int
    evicted_tokens: int
    aborted: int
    """Requests."""
    failed: int
    """Requests."""
    preempted: int
    """Times that a request had to give up its pages."""
    steps: int
    """Forward passes."""
    error: str
    """A sentence when the engine broke down; "" while it is well."""


class Speed:
    """Tokens a second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, tokens: int) -> float:
        """``tokens`` more were generated until ``now``; how fast it goes."""
        self._seen.append((now, tokens))
        while now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        first = self._seen[0][0]
        counted = sum(count for _, count in self._seen) - self._seen[0][1]
        return counted / (now - first) if now > first else 0.0


def tell(cache: Cache, counters: Counters, *, running: int, waiting: int, speed: float, error: str) -> Stats:
    """All of it at this moment."""
    pool, size = cache.pool, cache.page_size
    return Stats(
        running=running,
        waiting=waiting,
        used_tokens=pool.used * size,
        kept_tokens=pool.idle * size,
        total_tokens=pool.count * size,
        tokens_per_second=speed,
        cache_hit_rate=counters.cached_tokens / max(1, counters.prompt_tokens),
        requests=counters.requests,
        prompt_tokens=counters.prompt_tokens,
        cached_tokens=counters.cached_tokens,
        computed_tokens=counters.computed_tokens,
        generated_tokens=counters.generated_tokens,
        evicted_tokens=cache.tree.evicted * size,
        aborted=counters.aborted,
        failed=counters.failed,
        preempted=counters.preempted,
        steps=counters.steps,
        error=error,
    )
