"""Real SGLang on this CPU under our supervisor, from the command line to the last process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from pathlib import Path

import httpx
import psutil
import pytest
from backend_servers import (
    Served,
    serve,
    sglang_checkpoint,
    sglang_python,
    sglang_server,
    start,
)

__all__ = ["sglang_checkpoint", "sglang_python", "sglang_server"]
pytestmark = pytest.mark.timeout(900)
QUESTION = {"messages": [{"role": "user", "content": "What is the weather?"}], "max_tokens": 6, "temperature": 0}


def _ask(served: Served) -> httpx.Response:
    body = QUESTION | {"model": served.name}
    return httpx.post(
        f"{served.url}/v1/chat/completions", json=body, headers=served.headers, timeout=60, trust_env=False
    )


def _family(served: Served) -> list[psutil.Process]:
    return psutil.Process(served.process).children(recursive=True)


def test_it_answers_with_the_key_alone_and_its_figures_reach_the_control(sglang_server: Served) -> None:
    answer = _ask(sglang_server).raise_for_status().json()
    assert answer["usage"]["completion_tokens"] == 6
    assert answer["choices"][0]["message"]["reasoning_content"]  # the parser of the plan's command is at work
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] >= 0
    without = httpx.post(f"{sglang_server.url}/v1/chat/completions", json=QUESTION, timeout=60, trust_env=False)
    assert without.status_code == 401
    status = sglang_server.status()
    assert (status["engine"], status["served_name"], status["context"]) == ("sglang", "tiny", 8192)
    assert status["progress"]["fraction"] == 1.0
    text = httpx.get(f"{sglang_server.url}/metrics", trust_env=False).text
    assert "sglang:generation_tokens_total" in text
    assert sglang_server.key not in (sglang_server.logs / "sglang.log").read_text()


def test_a_second_one_on_its_port_is_refused_at_once_and_names_the_port(
    sglang_server: Served, sglang_python: Path, tmp_path: Path
) -> None:
    port = int(sglang_server.url.rpartition(":")[2])
    second = start(sglang_python, sglang_server.checkpoint, tmp_path / "logs", port=port)
    try:
        status = second.reached("failed", within_s=30)
        assert str(port) in status["error"]["sentence"]
        assert "--port" in status["error"]["hint"]
        assert not _family(second)
    finally:
        second.end()
    assert _ask(sglang_server).status_code == 200


def test_a_missing_shard_is_named_and_not_tried_again(
    sglang_python: Path, sglang_checkpoint: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(sglang_checkpoint, broken)
    shard = sorted(broken.glob("*.safetensors"))[-1]
    # The planner looks at the files too, so the shard goes while SGLang is being started.
    with serve(sglang_python, broken, tmp_path / "logs") as served:
        shard.unlink()
        status = served.reached("failed")
        assert shard.name in status["error"]["sentence"]
        assert status["restarts"] == 0
        assert not _family(served)


def test_two_ranks_come_back_after_a_kill_and_nothing_is_left_after_the_stop(
    sglang_python: Path, sglang_checkpoint: Path, tmp_path: Path
) -> None:
    """TP 2 with a list of cores for each rank, as on a machine with one NUMA node."""
    cores = sorted(os.sched_getaffinity(0))
    binding = f"{cores[0]}|{cores[-1]}"
    options = ("--options", "--tp-size 2")
    with serve(
        sglang_python, sglang_checkpoint, tmp_path / "logs", *options, SGLANG_CPU_OMP_THREADS_BIND=binding
    ) as served:
        seen: list[str] = []
        served.reached("ready", seen=seen)
        assert "loading" in seen
        before = _ask(served).raise_for_status().json()["choices"][0]["message"]
        ranks = [one for one in _family(served) if "scheduler" in one.name() or "scheduler" in " ".join(one.cmdline())]
        assert len(ranks) == 2
        ranks[1].send_signal(signal.SIGKILL)
        status = served.reached("restarting", within_s=90)
        assert "signal 9" in status["error"]["sentence"]
        status = served.reached("ready")
        assert status["restarts"] == 1
        assert status["error"] is None
        after = _ask(served).raise_for_status().json()["choices"][0]["message"]
        assert after == before
        family = _family(served)
        assert len(family) >= 3
    assert not [one.pid for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    with socket.create_server(("127.0.0.1", int(served.url.rpartition(":")[2]))):
        pass  # its port is free again
