"""What the tests of the command line do again and again: run the real program, wait with a deadline, find groups."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

PATIENCE_S = 60.0
PROGRAM = (sys.executable, "-m", "clawgroups")
# Whoever runs the tests in the background has told all processes below to ignore Ctrl-C; a terminal does not.
HEARS_CTRL_C = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)


def claw(*words: object, home: Path | None = None, said: str = "", env: Mapping[str, str] | None = None) -> Any:
    """Runs ``clawgroups WORDS`` to its end; ``said`` is its standard input."""
    place = ["--home", str(home)] if home is not None else []
    return subprocess.run(
        [*PROGRAM, *(str(word) for word in words), *place],
        input=said,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **(env or {})},
        check=False,
    )


class Running:
    """The same, still running; ``err`` and ``out`` are what it has written so far. Leaving it kills what is left."""

    def __init__(self, *words: object, home: Path, env: Mapping[str, str] | None = None) -> None:
        self.err = self.out = ""
        pipe = subprocess.PIPE
        command = [*HEARS_CTRL_C, *PROGRAM, *(str(word) for word in words), "--home", str(home)]
        self.process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            env={**os.environ, **(env or {})},
        )
        self._hearing = [threading.Thread(target=self._hear, args=(name,), daemon=True) for name in ("out", "err")]
        for thread in self._hearing:
            thread.start()

    def _hear(self, name: str) -> None:
        stream = self.process.stdout if name == "out" else self.process.stderr
        assert stream is not None
        while letters := os.read(stream.fileno(), 65_536):
            setattr(self, name, getattr(self, name) + letters.decode(errors="replace"))

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *left: object) -> None:
        self.process.kill()
        self.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def say(self, line: str) -> None:
        """Writes one line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def wait(self) -> int:
        """Its exit status, once it has ended and everything it wrote was read."""
        status = self.process.wait(PATIENCE_S)
        for thread in self._hearing:
            thread.join(PATIENCE_S)
        return status


def wait_for(read: Callable[[], Any], what: str = "it") -> Any:
    """The first true value of ``read``, within a deadline."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := read()):
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.03)
    return value


def start_group(client: httpx.Client, folder: Path, **more: Any) -> str:
    """A survey that is started; its workers show their words slowly unless told otherwise."""
    body = {"name": "small", "template": "survey", "folder": str(folder), "start": True, "pace": 2, **more}
    made = client.post("/groups", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def agents(client: httpx.Client, group: str) -> list[dict[str, Any]]:
    """The group's sub-agents."""
    found: list[dict[str, Any]] = client.get(f"/groups/{group}/agents").json()["agents"]
    return found


def worker_at_work(client: httpx.Client, group: str) -> str:
    """The id of a worker that is being driven now by its program."""
    found: dict[str, Any] = wait_for(
        lambda: next(
            (a for a in agents(client, group) if a["parent"] and a["state"] == "driving" and a["line"]),
            None,
        ),
        "a worker that streams",
    )
    return str(found["id"])


def ended(client: httpx.Client, group: str) -> dict[str, Any]:
    """The group, once it has ended."""
    found: dict[str, Any] = wait_for(
        lambda: next((g for g in [client.get(f"/groups/{group}").json()] if g["ended_at"]), None), "the group's end"
    )
    return found
