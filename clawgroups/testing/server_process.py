"""A whole Claw Groups server in a process of its own, for tests that start, kill and restart the real thing."""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

START_S = 40.0
STOP_S = 10.0


class ServerProcess:
    """``clawgroups up --home HOME --port 0`` as a context manager. Leaving it kills what is left.

    Raises RuntimeError with the end of the server's log when it does not answer in time.
    """

    def __init__(
        self,
        home: Path,
        *,
        pages: bool = True,
        env: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
    ) -> None:
        self.home = Path(home)
        self.log = self.home / "server.log"
        self.facts: dict[str, Any] = {}
        self._arguments = ["up", "--home", str(self.home), "--port", "0", *args, *(() if pages else ("--no-pages",))]
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.alive:
            self.kill()
        self._close_pipe()

    # --- what it is ----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return str(self.facts["url"])

    @property
    def api(self) -> str:
        """The root of its API."""
        return f"{self.url}/api/v1"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def log_text(self) -> str:
        """What it has written to standard error so far, over all starts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def runner_pid(self, *, timeout: float = 10.0) -> int:
        """The process id of the runner beside it. Raises RuntimeError when none is up in time."""
        return self._child("clawgroups.runner", timeout)

    def scribe_pid(self, *, timeout: float = 10.0) -> int:
        """The process id of its ledger's scribe. Raises RuntimeError when none is up in time."""
        return self._child("clawgroups.ledger.scribe", timeout)

    def stop_files_growing(self) -> None:
        """From now on no file grows beyond the largest one in its home: as good as a full disk."""
        largest = max(file.stat().st_size for file in self.home.glob("*") if file.is_file())
        for pid in (self.pid, self.scribe_pid()):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, largest))

    def _child(self, module: str, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for child in _children(self.pid):
                if module in _words(child):
                    return child.pid
            time.sleep(0.02)
        raise RuntimeError(f"No {module} beside the server:\n{self.log_text()[-2000:]}")

    # --- its life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self._close_pipe()
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "clawgroups", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._env,
                text=True,
            )
        try:
            self.facts = json.loads(self._first_line(self._process))
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends it as a crash would (SIGKILL), and waits until its runner has gone with it."""
        process = self._running()
        children = _children(process.pid)
        process.kill()
        self._gone(process, children)

    def stop(self) -> None:
        """Asks it to end (SIGTERM). Raises AssertionError unless it ends in time, with status 0 and no traceback."""
        process = self._running()
        before = len(self.log_text())
        children = _children(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_S)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(f"The server did not end within {STOP_S:g} s:\n{self.log_text()[-3000:]}") from error
        self._gone(process, children)
        said = self.log_text()[before:]
        assert status == 0, f"The server ended with status {status}:\n{said[-3000:]}"
        assert "Traceback" not in said, f"The server ended with a traceback:\n{said[-3000:]}"

    def wait(self, timeout: float = STOP_S) -> int:
        """Its exit status, once it has ended by itself. Raises TimeoutExpired."""
        return self._running().wait(timeout)

    def restart(self) -> None:
        """Stops it cleanly if it runs, and starts it again on the same home; the address may be another."""
        if self.alive:
            self.stop()
        self.start()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("The server was never started.")
        return self._process

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            answered = selector.select(START_S)
        line = process.stdout.readline() if answered else ""
        if not line.strip():
            why = f"ended with status {process.wait(5)}" if answered else f"said nothing for {START_S:g} s"
            raise RuntimeError(f"The server {why}:\n{self.log_text()[-3000:]}")
        return line

    def _gone(self, process: subprocess.Popen[str], children: list[psutil.Process]) -> None:
        process.wait(STOP_S)
        self._close_pipe()
        _, left = psutil.wait_procs(children, timeout=STOP_S)
        assert not left, f"processes outlived the server: {[_words(child) for child in left]}"


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
