"""Several copies of a model and the router before them, looked after as one."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from backend.supervisor.journal import Journal
from backend.supervisor.state import State, Status
from backend.supervisor.supervisor import Supervisor

WORST_FIRST: tuple[State, ...] = (
    "failed", "installing", "starting", "loading", "restarting", "draining", "stopped", "ready",
)  # fmt: skip


class Fleet:
    """Has what a supervisor has. The router starts when no copy is loading any more and one at least is ready.

    The router leaves out a copy that does not answer, and takes it back when it does. ``journal`` is where all of them
    write too.
    """

    def __init__(self, copies: list[Supervisor], router: Supervisor, journal: Journal) -> None:
        self._copies = copies
        self._router = router
        self._journal = journal
        self._opening: asyncio.Task[None] | None = None
        self._turning = asyncio.Lock()

    @property
    def metrics_url(self) -> str:
        """Figures of all copies, as the router gathers them."""
        return self._router.metrics_url

    @property
    def processes(self) -> list[int]:
        """The first process of each run that is going on, the router's too."""
        return [process for one in (self._router, *self._copies) for process in one.processes]

    def status(self) -> Status:
        """What the router does where a copy is ready; else what the copy does that is worst off."""
        parts, router = [one.status() for one in self._copies], self._router.status()
        ready = sum(part.state == "ready" for part in parts)
        count = f"{ready} of {len(parts)} copies are ready"
        restarts = router.restarts + sum(part.restarts for part in parts)
        worst = min(parts, key=lambda part: WORST_FIRST.index(part.state))
        if ready and router.state == "ready":
            return replace(router, sentence=count, error=worst.error, restarts=restarts)
        told = router if ready == len(parts) or router.state in ("failed", "draining") else worst
        if told is router and router.state == "stopped":  # all are there, and it is about to be started
            told = replace(router, state="starting", since=max(part.since for part in parts))
        return replace(told, sentence=f"{count}. {told.sentence}".strip(), restarts=restarts)

    def log(self, after: int) -> list[tuple[int, str]]:
        """Lines of all logs after a number, oldest first."""
        return self._journal.after(after)

    async def start(self) -> None:
        """Begins to start all; nothing where they run."""
        async with self._turning:
            if self._opening and not self._opening.done():
                return
            for one in self._copies:
                await one.start()
            self._opening = asyncio.create_task(self._open(), name="router")

    async def _open(self) -> None:
        """Starts the router as soon as it has something to route to."""
        while True:
            states = [(await one.reached("ready", "failed")).state for one in self._copies]
            if "ready" not in states:
                return
            if all(one.status().state in ("ready", "failed") for one in self._copies):
                await self._router.start()
                return

    async def stop(self) -> None:
        """Lets the router finish, then stops all copies; nothing where they are stopped."""
        async with self._turning:
            if self._opening:
                self._opening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._opening
                self._opening = None
            await self._router.stop()
            await asyncio.gather(*(one.stop() for one in self._copies))

    async def restart(self) -> None:
        """Stops and starts all."""
        await self.stop()
        await self.start()

    async def close(self) -> None:
        """Stops all for good."""
        await self.stop()
        for one in (self._router, *self._copies):
            await one.close()
        self._journal.close()
