"""A server of its own for a command that finds none running: started beside it, and ended with it."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from clawgroups.cli.house import Json
from clawgroups.errors import ClawError

START_S = 60.0
STOP_S = 15.0
MOST_RESTARTS = 3
LOG = "run.log"


class OwnServer:
    """``clawgroups up`` in a process of its own, as a context manager. It ends when this process does, however.

    ``bare``: without pages and runner, only to ask it something.
    """

    def __init__(self, home: Path, database: str = "", *, bare: bool = False) -> None:
        self._log = home / LOG
        self._command = [sys.executable, "-m", "clawgroups", "up", "--home", str(home), "--port", "0"]
        self._command += ["--parent", str(os.getpid())]
        self._command += ["--database", database] if database else []
        self._command += ["--no-pages", "--host", "127.0.0.1"] if bare else []
        self._env = {name: value for name, value in os.environ.items() if name != "CLAWGROUPS_TOKEN"}
        self._env |= {"CLAWGROUPS_RUNNER": "false", "CLAWGROUPS_OPEN_TO_NETWORK": "false"} if bare else {}
        self._process: subprocess.Popen[str] | None = None
        self.restarts = 0
        self.facts: Json = {}

    def __enter__(self) -> OwnServer:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def revive(self) -> bool:
        """Starts it again where it has died; False when it lives. Raises ClawError when it dies again and again."""
        if self.alive:
            return False
        if self.restarts == MOST_RESTARTS:
            raise ClawError("The server of this run has died again and again.", hint=f"Its log: {self._log}")
        self.restarts += 1
        self._end()
        self._start()
        return True

    def _start(self) -> None:
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            log = self._log.open("wb")
        except OSError as error:
            raise ClawError(
                f"The home {self._log.parent} cannot be used: {error.strerror}.", hint="Choose another --home."
            ) from error
        with log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._env,
                start_new_session=True,  # Ctrl-C is for the command, which then decides
            )
        self.facts = self._announced(self._process)

    def _announced(self, process: subprocess.Popen[str]) -> Json:
        assert process.stdout is not None
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                said = process.stdout.readline() if selector.select(START_S) else ""
            if said.strip():
                facts: Json = json.loads(said)
                return facts
        except BaseException:
            self._end()
            raise
        self._end()
        raise self._why()

    def _why(self) -> ClawError:
        """What the server said last, which is why it did not start."""
        told = {"error": "The server could not be started.", "hint": f"Its log: {self._log}"}
        for line in self._log.read_text(errors="replace").splitlines():
            name, _, words = line.partition(": ")
            if name in told and words:
                told[name] = words
        return ClawError(told["error"], hint=told["hint"])

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._process = None
