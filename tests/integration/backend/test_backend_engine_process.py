"""The engine as people start it: a process that loads a checkpoint, serves it, and drains when told to stop."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from backend_client_table import TABLE, Target

from backend.api.main import Serving, serve
from backend.checkpoint.config import KIMI
from backend.engine.model.model import LanguageModel
from backend.errors import CheckpointError, EngineStopped, LaunchFailed
from backend.tiny import make

CONTEXT = 2048
PATIENCE_S = 60.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _command(folder: Path, port: int) -> list[str]:
    options = ["--port", str(port), "--context", str(CONTEXT), "--memory-tokens", "8192", "--threads", "1"]
    return [sys.executable, "-m", "backend", "engine", str(folder), *options, "--served-name", "tiny"]


@contextmanager
def _engine(folder: Path, key: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = _free_port()
    environment = os.environ | {"BACKEND_API_KEY": key}
    process = subprocess.Popen(_command(folder, port), env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def _until_ready(process: subprocess.Popen[str], url: str) -> list[int]:
    """Waits; the statuses of /ready that were seen."""
    seen: list[int] = []
    end = time.monotonic() + PATIENCE_S
    while 200 not in seen:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "the engine is not ready"
        try:
            seen.append(httpx.get(f"{url}/ready").status_code)
        except httpx.ConnectError:
            time.sleep(0.02)
    return seen


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    make(folder, architecture=KIMI)
    return folder


@pytest.fixture(scope="module")
def target(checkpoint: Path) -> Iterator[Target]:
    with _engine(checkpoint, "secret") as (process, url):
        _until_ready(process, url)
        yield Target(url, model="tiny", key="secret", context=CONTEXT, played=False)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.__name__)
def test_a_real_checkpoint_passes_the_clients_table(target: Target, case: Callable[[Target], None]) -> None:
    case(target)


def test_a_server_answers_while_it_loads_and_lets_requests_end_when_it_is_stopped(checkpoint: Path) -> None:
    with _engine(checkpoint) as (process, url):
        seen = _until_ready(process, url)
        assert set(seen[:-1]) <= {503}
        ready = httpx.get(f"{url}/ready").json()
        assert ready["status"] == "ready"
        assert ready["context"] == CONTEXT
        assert httpx.get(f"{url}/health").status_code == 200
        body = {"prompt": "on and on", "max_tokens": 1200, "ignore_eos": True, "stream": True, "temperature": 0}
        with httpx.stream("POST", f"{url}/v1/completions", json=body, timeout=PATIENCE_S) as stream:
            lines = (line for line in stream.iter_lines() if line)
            first = next(lines)
            process.send_signal(signal.SIGTERM)
            rest = list(lines)
        assert first.startswith("data: ")
        assert rest[-1] == "data: [DONE]"
        assert '"finish_reason":"length"' in rest[-2]
        assert process.wait(PATIENCE_S) == 0


def test_a_server_that_is_stopped_while_it_loads_ends_at_once(checkpoint: Path) -> None:
    with _engine(checkpoint) as (process, url):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                httpx.get(f"{url}/ready")
                break
            except httpx.ConnectError:
                time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_what_is_no_checkpoint_is_told_in_two_lines(tmp_path: Path) -> None:
    command = _command(tmp_path, _free_port())
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "has no config.json" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("chat_template.jinja", "{% if %}", "chat template"),
        ("tokenizer.json", "{}", "tokenizer.json"),
        ("config.json", "{}", "architecture"),
        ("model.safetensors.index.json", "[", "index"),
    ],
)
def test_a_checkpoint_with_a_broken_file_is_not_served(
    tmp_path: Path, checkpoint: Path, name: str, content: str, said: str
) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "broken")
    (folder / name).write_text(content)
    with pytest.raises(CheckpointError, match=said):
        asyncio.run(serve(folder, Serving(port=0)))


def test_a_port_that_is_taken_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(LaunchFailed, match="port"):
        asyncio.run(serve(tmp_path, Serving(port=taken.getsockname()[1])))


def test_an_engine_that_has_failed_for_good_ends_its_server_so_that_it_is_started_again(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: LanguageModel, pieces: object) -> None:
        raise RuntimeError("the memory is damaged")

    async def asked(port: int) -> None:
        serving = asyncio.create_task(serve(checkpoint, Serving(port=port)))
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S, trust_env=False
        ) as client:
            statuses: list[int] = []
            while not serving.done():
                try:
                    answer = await client.post("/v1/completions", json={"prompt": "hello", "max_tokens": 2})
                    statuses.append(answer.status_code)
                except httpx.TransportError:  # it does not listen yet, or not any more
                    await asyncio.sleep(0.02)
            assert 500 in statuses
        await serving

    monkeypatch.setattr(LanguageModel, "forward", broken)
    with pytest.raises(EngineStopped, match="has failed"):
        asyncio.run(asyncio.wait_for(asked(_free_port()), PATIENCE_S))
