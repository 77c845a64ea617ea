"""Keeps one runner process running beside the server: started, watched, restarted with backoff."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from clawgroups.ids import new_token
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.supervisor")
BACKOFF_S = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 5.0  # a runner that lived so long starts again at once
GRACE_S = 6.0


class RunnerProcess:
    """``on_exit`` hears the process id of a runner that has ended, proved by its exit status.

    It may be started before there is a server to join: it knocks until somebody opens.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.token = new_token()
        self.on_exit: Callable[[int, str], None] = lambda pid, reason: None
        self._process: asyncio.subprocess.Process | None = None
        self._tasks = Tasks()
        self._closing = False
        self.restarts = 0
        self.state = "off"  # none was asked for, yet

    @property
    def pid(self) -> int | None:
        """The process id while one runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def status(self) -> dict[str, Any]:
        """For the status page."""
        return {"state": self.state, "restarts": self.restarts, "pid": self.pid}

    async def start(self) -> None:
        """Starts the runner and its supervision."""
        self._tasks.start(self._supervise(), name="runner-supervisor")

    async def close(self) -> None:
        """Asks the runner to stop its seats and end; kills it when it does not."""
        self._closing = True
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), GRACE_S)
            except TimeoutError:
                log.warning("the runner did not end in time and is killed", extra={"action": "runner_killed"})
                self.kill()
                await process.wait()
        await self._tasks.close()

    def kill(self) -> bool:
        """Kills the runner and with it everything it runs; False when none was there."""
        process = self._process
        if process is None or process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):  # it ended this very moment
            process.kill()
        return True

    async def _supervise(self) -> None:
        failures = 0
        while True:
            started = time.monotonic()
            end = await self._run_once()
            if self._closing:
                return
            failures = 0 if time.monotonic() - started > STEADY_S else failures + 1
            self.restarts += 1
            wait = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            log.warning("the runner %s; next start in %.1f s", end, wait, extra={"action": "runner_restart"})
            await asyncio.sleep(wait)

    async def _run_once(self) -> str:
        """One runner from its start to its end; how it ended."""
        self.state = "starting"
        try:
            process = self._process = await self._spawn()
        except OSError as error:
            self.state = "down"
            return f"could not be started ({error})"
        self.state = "up"
        code = await process.wait()
        self.state = "down"
        try:
            self.on_exit(process.pid, f"the runner ended with status {code}")
        except Exception:  # whatever became of its seats, there must be a runner again
            log.exception("the end of a runner broke something", extra={"action": "exit_broke"})
        return f"ended with status {code}"

    async def _spawn(self) -> asyncio.subprocess.Process:
        env = {**os.environ, "CLAWGROUPS_LINK_TOKEN": self.token}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "clawgroups.runner",
            "--url",
            self._url,
            "--parent",
            str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal must reach the server alone, which ends the runner in order
            env=env,
        )
