"""A backend's control in a process of its own, whose engine does what a test says (``backend/testing/scripted.py``)."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any

import httpx

STOP_S = 10.0


class BackendControl:
    """A context manager; ``address`` and ``token`` are what a house needs to find it."""

    def __init__(self, token: str = "the-control-token") -> None:
        self.token = token
        self.address = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> BackendControl:
        command = [sys.executable, "-m", "backend.testing.scripted", "--token", self.token]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None  # a pipe was asked for
        self.address = json.loads(self._process.stdout.readline())["control"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def env(self) -> dict[str, str]:
        """What a server is started with to use it."""
        return {"CLAWGROUPS_BACKEND": self.address, "CLAWGROUPS_BACKEND_TOKEN": self.token}

    def play(self, **script: Any) -> list[str]:
        """Says what it does from now on; the words that it was asked so far. See ``POST /script`` there."""
        answer = httpx.post(f"{self.address}/script", json=script, trust_env=False, timeout=STOP_S)
        answer.raise_for_status()
        asked: list[str] = answer.json()["asked"]
        return asked

    def end(self) -> None:
        """Ends the process, as a machine that goes away."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOP_S)
            assert process.stdout is not None
            process.stdout.close()
