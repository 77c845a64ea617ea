"""The backend as a process beside the server: started, watched, started again with backoff.

It prints one line of JSON with the address of its control; what it says on standard error goes to a file, and the last
of it is the reason when it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.backend")
BACKOFF_S = (1.0, 2.0, 5.0, 15.0, 60.0)
STEADY_S = 60.0  # one that lived so long starts again at once
GRACE_S = 95.0  # it lets requests finish for a minute first, then ends the engine
FEW_LINES = 4  # an error, how to mend it, and what waits for that
KEPT_LOG = 64 * 1024  # bytes of the former run's log, read for its last words
LONGEST_LINE = 64 * 1024


class BackendProcess:
    """``command`` is argv. ``control`` is the address it announced, "" while there is none."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log_file: Path) -> None:
        self._command = tuple(command)
        self._env = dict(env)
        self._log_file = log_file
        self._process: asyncio.subprocess.Process | None = None
        self._tasks = Tasks()
        self._closing = False
        self.control = ""
        self.restarts = 0
        self.state = "starting"
        self.last_words = ""

    @property
    def pid(self) -> int | None:
        """The process id while one runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        """Starts it and its supervision."""
        self._tasks.start(self._supervise(), name="backend-supervisor")

    async def close(self) -> None:
        """Asks it to drain and end; kills it when it does not.

        Then its keeper ends what its engine leaves, and should that be killed too, the next backend that starts here.
        """
        self._closing = True
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), GRACE_S)
            except TimeoutError:
                log.warning("the backend did not end in time and is killed", extra={"action": "backend_killed"})
                with contextlib.suppress(ProcessLookupError):  # it ended this very moment
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        await self._tasks.close()
        self.state, self.control = "down", ""

    async def _supervise(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            end = await self._run_once()
            self.state, self.control = "down", ""
            if self._closing:
                return
            failures = 0 if time.monotonic() - began > STEADY_S else failures + 1
            self.restarts += 1
            wait = BACKOFF_S[min(failures, len(BACKOFF_S)) - 1] if failures else 0.0
            log.warning("the backend %s; next start in %.0f s", end, wait, extra={"action": "backend_restart"})
            await asyncio.sleep(wait)

    async def _run_once(self) -> str:
        """One run from its start to its end; how it ended."""
        self.state = "starting"
        try:
            process = await self._spawn()
        except OSError as error:
            self.last_words = f"{self._command[0]} cannot be started: {error.strerror}."
            return f"could not be started ({error})"
        self._process = process
        assert process.stdout is not None  # a pipe was asked for
        await self._listen(process.stdout)
        code = await process.wait()
        self.last_words = await asyncio.to_thread(self._read_last_words)
        return f"ended with status {code}: {self.last_words}"

    async def _listen(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await output.readline()
            except ValueError:  # longer than any announcement; asyncio has dropped it
                continue
            if not line:
                return
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            control = str(said["control"])
        except (ValueError, KeyError, TypeError):
            log.warning("the backend printed what is no announcement: %r", line[:200], extra={"action": "backend_odd"})
            return
        self.control, self.state = control, "up"

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("wb") as errors:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C in a terminal must reach the server alone, which ends it in order
                env={**os.environ, **self._env},
                limit=LONGEST_LINE,
            )

    def _read_last_words(self) -> str:
        """The last that it said on standard error: its error where it told one, else its last line."""
        try:
            with self._log_file.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - KEPT_LOG))
                lines = file.read().decode(errors="replace").split("\n")
        except OSError as error:  # somebody tidied up; it is started again all the same
            return f"What it said cannot be read: {error.strerror or error}."
        said = [line.strip() for line in lines if line.strip()]
        if not said:
            return "It said nothing."
        told = [line.removeprefix("error: ") for line in said[-FEW_LINES:] if line.startswith("error: ")]
        return (told or said)[-1][:500]
