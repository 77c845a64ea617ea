"""The CPU engine over one checkpoint in a process of its own, for tests that speak to it over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx

START_S, STOP_S = 60.0, 20.0


class EngineProcess:
    """``python -m backend engine`` as a context manager. Raises RuntimeError with its log when it does not come up."""

    def __init__(self, folder: Path, *options: str, api_key: str = "", log: Path) -> None:
        self._folder = folder
        self._options = options
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.api_key = api_key
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"

    def __enter__(self) -> EngineProcess:
        port = self.url.rpartition(":")[2]
        command = [sys.executable, "-m", "backend", "engine", str(self._folder), "--port", port, "--threads", "1"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *self._options], stdout=log, stderr=log, env={**os.environ, "BACKEND_API_KEY": self.api_key}
            )
        try:
            self._wait(self._process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def metric(self, name: str) -> float:
        """The sum over all labels of one metric, named without the prefix."""
        return metric(self.url, name)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/ready", trust_env=False, timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:  # it does not listen yet
                time.sleep(0.05)
            time.sleep(0.05)
        raise RuntimeError(f"the engine did not come up:\n{self._log.read_text(errors='replace')[-3000:]}")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def metric(url: str, name: str) -> float:
    """The sum over all labels of one of a server's figures, named without the prefix."""
    text = httpx.get(f"{url}/metrics", trust_env=False, timeout=STOP_S).text
    found = [line for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] == f"sglang:{name}"]
    return sum(float(line.rpartition(" ")[2]) for line in found)
