"""The model server in a process of its own, for tests that kill things and benchmarks that count CPU."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from types import TracebackType
from typing import Any

import httpx

START_S = 30.0


class ModelProcess:
    """A context manager. ``base_url`` is a model member's address; models are named as in ``model_scripts.named``."""

    def __init__(self, *, rate: float = 30.0, port: int = 0, key: str = "") -> None:
        self._arguments = ["--rate", str(rate), "--port", str(port), "--key", key]
        self._process: subprocess.Popen[str] | None = None
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> ModelProcess:
        command = [sys.executable, "-m", "clawgroups.testing.model_server", *self._arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            self.facts = json.loads(self._first_line(self._process))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return str(self.facts["url"])

    @property
    def base_url(self) -> str:
        """What a model member's address must be."""
        return str(self.facts["base_url"])

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self.facts["pid"])

    def report(self, limit: int = 1000, *, bodies: bool = False) -> dict[str, Any]:
        """count, open, aborted, words, now (its time.monotonic()) and the last requests; with what they held."""
        answer = httpx.get(f"{self.url}/__requests", params={"limit": limit, "bodies": int(bodies)}, timeout=10.0)
        answer.raise_for_status()
        report: dict[str, Any] = answer.json()
        return report

    def wait(self, timeout: float = 10.0) -> int:
        """Its exit status, once it was asked to end."""
        assert self._process is not None
        return self._process.wait(timeout)

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            answered = selector.select(START_S)
        line = process.stdout.readline() if answered else ""
        if not line.strip():
            raise RuntimeError("The model server did not start; its error output has the reason.")
        return line

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(10.0)
        if self._process.stdout is not None:
            self._process.stdout.close()
