"""A process that is kept running beside the server: started, watched, started again with backoff, ended in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import ClassVar

from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.kept")


class KeptProcess:
    """What such processes have in common; each says how one run of it goes, and how it is killed."""

    NAME: ClassVar[str]
    GRACE_S: ClassVar[float]
    """How long it may take to end when it is asked to."""
    STEADY_S: ClassVar[float]
    """One that lived so long is started again as after a first failure."""
    BACKOFF_S: ClassVar[Sequence[float]]
    """Waits after a steady run, a first failure, a second, and so on."""

    def __init__(self, state: str) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._tasks = Tasks()
        self._closing = False
        self.restarts = 0
        self.state = state

    @property
    def pid(self) -> int | None:
        """The process id while one runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        """Starts it and its supervision."""
        self._tasks.start(self._supervise(), name=f"{self.NAME}-supervisor")

    async def close(self) -> None:
        """Asks it to end in order; kills it when it does not."""
        self._closing = True
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), self.GRACE_S)
            except TimeoutError:
                action = {"action": f"{self.NAME}_killed"}
                log.warning("the %s did not end in time and is killed", self.NAME, extra=action)
                self.kill()
                await process.wait()
        await self._tasks.close()

    def kill(self) -> bool:
        """Kills it at once; False when none was there."""
        raise NotImplementedError

    async def run_once(self) -> str:
        """One run from its start to its end; how it ended."""
        raise NotImplementedError

    async def _supervise(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            end = await self.run_once()
            if self._closing:
                return
            failures = 0 if time.monotonic() - began > self.STEADY_S else failures + 1
            self.restarts += 1
            wait = self.BACKOFF_S[min(failures, len(self.BACKOFF_S) - 1)]
            action = {"action": f"{self.NAME}_restart"}
            log.warning("the %s %s; next start in %.2f s", self.NAME, end, wait, extra=action)
            await asyncio.sleep(wait)
