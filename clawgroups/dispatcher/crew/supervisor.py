"""Keeps one runner process running beside the server: started, watched, restarted with backoff."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from clawgroups.dispatcher.kept_process import KeptProcess
from clawgroups.ids import new_token

log = logging.getLogger("clawgroups.supervisor")


class RunnerProcess(KeptProcess):
    """``on_exit`` hears the process id of a runner that has ended, proved by its exit status.

    It may be started before there is a server to join: it knocks until somebody opens.
    """

    NAME = "runner"
    GRACE_S = 6.0
    STEADY_S = 5.0
    BACKOFF_S = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __init__(self, url: str) -> None:
        super().__init__("off")  # none was asked for, yet
        self._url = url
        self.token = new_token()
        self.on_exit: Callable[[int, str], None] = lambda pid, reason: None

    @property
    def status(self) -> dict[str, Any]:
        """For the status page."""
        return {"state": self.state, "restarts": self.restarts, "pid": self.pid}

    def kill(self) -> bool:
        """Kills the runner and with it everything it runs; False when none was there."""
        process = self._process
        if process is None or process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):  # it ended this very moment
            process.kill()
        return True

    async def run_once(self) -> str:
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
