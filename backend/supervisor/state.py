"""What a supervised engine is doing, and when it may be started again."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field, replace
from typing import Literal

State = Literal["stopped", "installing", "starting", "loading", "ready", "draining", "restarting", "failed"]
FOLLOWS: dict[State, frozenset[State]] = {
    "stopped": frozenset({"installing", "starting"}),
    "installing": frozenset({"starting", "draining", "failed", "stopped"}),
    "starting": frozenset({"loading", "ready", "draining", "restarting", "failed", "stopped"}),
    "loading": frozenset({"ready", "draining", "restarting", "failed"}),
    "ready": frozenset({"draining", "restarting", "failed"}),
    "draining": frozenset({"stopped", "failed"}),
    "restarting": frozenset({"starting", "draining", "failed", "stopped"}),
    "failed": frozenset({"installing", "starting", "stopped"}),
}
"""Which states may follow which; a table, so that a test can walk all of it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, how to mend it, and whether trying again can help."""

    sentence: str
    hint: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """One moment. ``fraction`` is how far loading is, 0 to 1, None where nobody knows; ``since`` is Unix time.

    ``again_in`` are the seconds from ``since`` until the next start while restarting. ``error`` is the last one, kept
    until the engine is ready. ``restarts`` counts the starts after a crash since it was last told to start.
    """

    state: State = "stopped"
    fraction: float | None = None
    sentence: str = ""
    error: Fault | None = None
    restarts: int = 0
    again_in: float | None = None
    process: int | None = None
    since: float = field(default_factory=time.time)

    def turn(self, state: State, sentence: str = "", **changes: object) -> Status:
        """The next moment. Raises ValueError for a state that cannot follow."""
        if state not in FOLLOWS[self.state]:
            raise ValueError(f"{state} does not follow {self.state}")
        plain: dict[str, object] = {"fraction": None, "again_in": None, "since": time.time()}
        return replace(self, state=state, sentence=sentence, **(plain | changes))  # type: ignore[arg-type]


@dataclass(slots=True)
class Backoff:
    """How long to wait before each start after a crash: doubling, with some chance in it, and not for ever.

    An engine that was ready for ``healthy_s`` seconds has recovered, and the count begins anew. After ``attempts``
    crashes in a row it stays down; at once if it never came up and the fault is one that time does not mend.
    """

    first_s: float = 2.0
    longest_s: float = 120.0
    attempts: int = 8
    healthy_s: float = 300.0
    crashes: int = 0

    def next(self, ready_for: float, passing: bool) -> float | None:
        """Seconds to wait after a crash; None: give up. ``ready_for``: how long it was ready, 0 if it never was."""
        if ready_for >= self.healthy_s:
            self.crashes = 0
        self.crashes += 1
        if self.crashes > self.attempts or (not passing and ready_for == 0):
            return None
        waiting = min(self.longest_s, self.first_s * 2 ** (self.crashes - 1))
        return float(waiting * random.uniform(0.75, 1.0))
