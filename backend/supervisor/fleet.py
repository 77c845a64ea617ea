"""Several copies of a model and the router before them, looked after as one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from backend.supervisor.state import State, Status
from backend.supervisor.supervisor import Supervisor

WORST_FIRST: tuple[State, ...] = ("failed", "installing", "starting", "loading", "restarting", "draining", "stopped")


class Fleet:
    """Has what a supervisor has. The router starts when the first copy is ready, and it serves as long as one is.

    Lines of all logs are joined, each with the name of who wrote it.
    """

    def __init__(self, copies: list[Supervisor], router: Supervisor) -> None:
        self._copies = copies
        self._router = router
        self._moved = asyncio.Condition()
        self._version = 0
        self._watching: list[asyncio.Task[None]] = []
        self._lines: list[tuple[int, str]] = []
        self._turning = asyncio.Lock()

    @property
    def metrics_url(self) -> str:
        """Figures of all copies, as the router gathers them."""
        return self._router.metrics_url

    def status(self) -> Status:
        """Ready as soon as the router is and a copy is; else what the one that is worst off does."""
        parts = [one.status() for one in self._copies]
        ready = sum(part.state == "ready" for part in parts)
        restarts = sum(part.restarts for part in (*parts, self._router.status()))
        if ready and self._router.status().state == "ready":
            error = next((part.error for part in parts if part.error), None)
            sentence = f"{ready} of {len(parts)} copies are ready"
            return replace(self._router.status(), sentence=sentence, error=error, restarts=restarts)
        worst = min((*parts, self._router.status()) if ready else parts, key=lambda part: _rank(part.state))
        return replace(worst, sentence=f"{ready} of {len(parts)} copies are ready. {worst.sentence}", restarts=restarts)

    def log(self, after: int) -> list[tuple[int, str]]:
        """Lines of all logs after a number, oldest first."""
        raise NotImplementedError

    async def start(self) -> None:
        """Begins to start all; nothing where they run."""
