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
from collections.abc import Mapping, Sequence
from pathlib import Path

from clawgroups.dispatcher.kept_process import KeptProcess

log = logging.getLogger("clawgroups.backend")
FEW_LINES = 4  # an error, how to mend it, and what waits for that
KEPT_LOG = 64 * 1024  # bytes of the former run's log, read for its last words
LONGEST_LINE = 64 * 1024


class BackendProcess(KeptProcess):
    """``command`` is argv. ``control`` is the address it announced, "" while there is none."""

    NAME = "backend"
    GRACE_S = 95.0
    """It lets requests finish for a minute first, then ends the engine."""
    STEADY_S = 60.0
    BACKOFF_S = (0.0, 1.0, 2.0, 5.0, 15.0, 60.0)

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log_file: Path) -> None:
        super().__init__("starting")
        self._command = tuple(command)
        self._env = dict(env)
        self._log_file = log_file
        self.control = ""
        self.last_words = ""

    async def close(self) -> None:
        """Asks it to drain and end; kills it when it does not.

        Then its keeper ends what its engine leaves, and should that be killed too, the next backend that starts here.
        """
        await super().close()
        self.state, self.control = "down", ""

    def kill(self) -> bool:
        """Kills it and its group; False when none was there."""
        process = self._process
        if process is None or process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):  # it ended this very moment
            os.killpg(process.pid, signal.SIGKILL)
        return True

    async def run_once(self) -> str:
        """One run from its start to its end; how it ended."""
        end = await self._run()
        self.state, self.control = "down", ""
        return end

    async def _run(self) -> str:
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
