"""A real SGLang on the CPU for tests: its environment, made by our own maker, and a server for each module of tests.

Import the fixtures that you use into your test file (``from backend_servers import sglang_server  # noqa: F401`` and
what it needs: ``sglang_python``, ``sglang_checkpoint``). The environment stays in the checkout (``.venv-sglang``),
where a lock keeps the workers of a run apart. The first worker that asks
starts the server, the last one ends it: it takes memory, and tests beside it want the cores.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from backend.supervisor.environment import Environment
from backend.supervisor.recipe import recipe

ROOT = Path(__file__).parents[3]
KEY, TOKEN, NAME = "key-of-a-test", "token-of-a-test", "tiny"
CONTEXT = 8192
STARTS_WITHIN_S = 300.0
ENDS_WITHIN_S = 90.0
_started: dict[int, subprocess.Popen[str]] = {}


@dataclass(frozen=True, slots=True)
class Served:
    """A server under ``backend serve``. ``process`` is the supervisor's, ``logs`` its folder."""

    url: str
    control: str
    process: int
    logs: Path
    checkpoint: Path
    key: str = KEY
    name: str = NAME
    context: int = CONTEXT

    @property
    def headers(self) -> dict[str, str]:
        """With the key of its API."""
        return {"Authorization": f"Bearer {self.key}"}

    def status(self) -> dict[str, Any]:
        """What its control says."""
        asked = httpx.get(f"{self.control}/status", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)
        found: dict[str, Any] = asked.raise_for_status().json()
        return found

    def reached(self, *states: str, within_s: float = STARTS_WITHIN_S, seen: list[str] | None = None) -> dict[str, Any]:
        """Waits until it is in one of these states; ``seen`` gets the states on the way."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            status = self.status()
            if seen is not None and status["state"] not in seen[-1:]:
                seen.append(status["state"])
            if status["state"] in states:
                return status
            time.sleep(0.1)
        raise TimeoutError(f"it is not {states}: {self.status()['progress']}\n{self.log()}")

    def log(self) -> str:
        """The end of its log."""
        return (self.logs / "sglang.log").read_text()[-4000:]

    def end(self) -> None:
        """Tells it to end, and waits until it has."""
        process = psutil.Process(self.process)
        process.send_signal(signal.SIGTERM)
        ours = _started.pop(self.process, None)
        if ours:
            ours.wait(ENDS_WITHIN_S)
        else:
            psutil.wait_procs([process], timeout=ENDS_WITHIN_S)


@pytest.fixture(scope="session")
def sglang_python() -> Path:
    """The interpreter of SGLang's environment on the CPU, which is made if need be (some 40 s, 0.7 GB)."""
    environment = Environment(ROOT / ".venv-sglang", recipe("sglang-cpu"))
    said: list[str] = []
    asyncio.run(environment.make(said.append))
    assert environment.ready(), said[-5:]
    return environment.python


@pytest.fixture(scope="session")
def sglang_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint with INT4 experts that sees, the same for all workers of a run."""
    from backend.tiny import make  # torch, only where it is needed

    folder = _shared(tmp_path_factory) / "checkpoint"
    with _alone(folder):
        if not (folder / "model.safetensors.index.json").exists():
            make(folder, architecture="KimiK25ForConditionalGeneration", int4=True, seed=11)
    return folder


@pytest.fixture(scope="module")
def sglang_server(
    sglang_python: Path, sglang_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Real SGLang serving ``sglang_checkpoint`` with tool and reasoning parsers, metrics, cache report and a key.

    Nobody may stop it or kill its processes; a test that wants that starts its own with ``serve``.
    """
    record = _shared(tmp_path_factory) / "sglang.json"
    with _alone(record):
        kept = json.loads(record.read_text()) if record.exists() else {"users": 0}
        if not kept["users"]:
            served = start(sglang_python, sglang_checkpoint, record.with_suffix(".logs"))
            kept |= {"url": served.url, "control": served.control, "process": served.process}
        record.write_text(json.dumps(kept | {"users": kept["users"] + 1}))
    served = Served(kept["url"], kept["control"], kept["process"], record.with_suffix(".logs"), sglang_checkpoint)
    try:
        served.reached("ready")
        yield served
    finally:
        with _alone(record):
            kept = json.loads(record.read_text())
            record.write_text(json.dumps(kept | {"users": kept["users"] - 1}))
            if kept["users"] == 1:
                served.end()


def start(python: Path, checkpoint: Path, logs: Path, *options: str, port: int = 0, **variables: str) -> Served:
    """Starts ``backend serve`` with SGLang on the CPU and returns as soon as its control answers."""
    port = port or free_port()
    command = [sys.executable, "-m", "backend", "serve", str(checkpoint), "--engine", "sglang"]
    command += ["--environment", str(python.parents[1]), "--port", str(port), "--logs", str(logs)]
    command += ["--context", str(CONTEXT), "--served-name", NAME, "--drain", "10", *options]
    told = {"BACKEND_API_KEY": KEY, "BACKEND_CONTROL_TOKEN": TOKEN, "OMP_NUM_THREADS": "1"}
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "serve.err").open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=os.environ | told | variables, text=True,
            start_new_session=True,
        )  # fmt: skip
    _started[process.pid] = process
    assert process.stdout is not None
    with process.stdout as output:
        line = output.readline()
    assert line, (logs / "serve.err").read_text()
    return Served(f"http://127.0.0.1:{port}", json.loads(line)["control"], process.pid, logs, checkpoint)


@contextmanager
def serve(python: Path, checkpoint: Path, logs: Path, *options: str, **variables: str) -> Iterator[Served]:
    """A server of a test's own, ended after it."""
    served = start(python, checkpoint, logs, *options, **variables)
    try:
        yield served
    finally:
        served.end()


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as tried:
        return int(tried.getsockname()[1])


def _shared(factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a run have."""
    own = factory.getbasetemp()
    folder = (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / "sglang"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
