"""Times of requests in buckets, as Prometheus wants them; the engine counts the rest."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from backend.engine.stats import Quantity

FIRST_TOKEN_S = (0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400)
BETWEEN_TOKENS_S = (0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 1, 2, 4, 8)
WHOLE_S = (0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400, 600, 1200, 1800, 2400)
TOKENS = (100, 300, 500, 700, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 20_000, 100_000)


class Buckets:
    """One histogram. ``counts`` are those of each bucket alone, the last that of what is above all."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Upper bound and how many are at or below it, as the text format has them."""
        rows, seen = [], 0
        for bound, count in zip((*self.bounds, None), self.counts, strict=True):
            seen += count
            rows.append(("+Inf" if bound is None else str(float(bound)), float(seen)))
        return rows


class Figures:
    """Times that the engine measured of its requests, and lengths that the API saw."""

    def __init__(self) -> None:
        self.times: dict[Quantity, Buckets] = {
            "queue_time": Buckets(WHOLE_S),
            "time_to_first_token": Buckets(FIRST_TOKEN_S),
            "inter_token": Buckets(BETWEEN_TOKENS_S),
            "end_to_end": Buckets(WHOLE_S),
        }
        self.cut = 0
        self.prompt_tokens = Buckets(TOKENS)
        self.generated_tokens = Buckets(TOKENS)

    def observe(self, quantity: Quantity, seconds: float) -> None:
        """One measurement of the engine."""
        self.times[quantity].add(seconds)

    def ended(self, prompt: int, generated: int, *, cut: bool) -> None:
        """A request that is over; ``cut``: at a stop string, and the engine counts it as aborted."""
        self.cut += cut
        self.prompt_tokens.add(prompt)
        self.generated_tokens.add(generated)
