"""Copies of a model behind SGLang's own router, and one copy over two nodes, for real: SGLang on this CPU."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from backend_agreement import agree
from backend_servers import (
    STARTS_WITHIN_S,
    Served,
    free_port,
    serve,
    sglang_checkpoint,
    sglang_python,
    sglang_server,
)
from backend_steps import until

from backend.testing.engine_process import EngineProcess
from backend.tiny import make

__all__ = ["sglang_checkpoint", "sglang_python", "sglang_server"]
pytestmark = pytest.mark.timeout(900)
QUESTION = {"messages": [{"role": "user", "content": "What is the weather?"}], "max_tokens": 8, "temperature": 0}
LONG = QUESTION | {"max_tokens": 400, "ignore_eos": True, "stream": True}


def _ask(served: Served) -> httpx.Response:
    body = QUESTION | {"model": served.name}
    url = f"{served.url}/v1/chat/completions"
    return httpx.post(url, json=body, headers=served.headers, timeout=60, trust_env=False)


def _greedy(served: Served) -> list[int]:
    sampling = {"temperature": 0, "max_new_tokens": 24, "ignore_eos": True}
    body = {"input_ids": [256 + 3 * n % 90 for n in range(40)], "sampling_params": sampling}
    answer = httpx.post(f"{served.url}/generate", json=body, headers=served.headers, timeout=60, trust_env=False)
    found: list[int] = answer.raise_for_status().json()["output_ids"]
    return found


@contextmanager
def _streamed(served: Served) -> Iterator[Iterator[str]]:
    """Lines of a long answer under way."""
    url, body = f"{served.url}/v1/chat/completions", LONG | {"model": served.name}
    with httpx.stream("POST", url, json=body, headers=served.headers, timeout=60, trust_env=False) as answer:
        yield answer.raise_for_status().iter_lines()


def _kept(served: Served, part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((served.logs / part / "status.json").read_text())
    return found


def _gone(family: list[psutil.Process]) -> bool:
    return not [one.pid for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_copies_behind_the_router_answer_while_one_of_them_comes_back_and_a_stop_lets_answers_end(
    sglang_python: Path, tmp_path: Path
) -> None:
    make(tmp_path / "model", seed=12)
    with serve(sglang_python, tmp_path / "model", tmp_path / "logs", "--replicas", "2") as served:
        assert served.reached("ready")["progress"]["sentence"] == "2 of 2 copies are ready"
        before = _ask(served).raise_for_status().json()
        assert before["usage"]["completion_tokens"] == 8
        stranger = httpx.post(f"{served.url}/v1/chat/completions", json=QUESTION, timeout=60, trust_env=False)
        assert stranger.status_code == 401
        until(lambda: (served.status()["figures"] or {}).get("generated_tokens", 0) >= 8, "figures of the copies")

        psutil.Process(_kept(served, "copy-1")["process"]).kill()
        lost = until(lambda: (now := served.status())["error"] and now, "the loss in the status")
        assert lost["state"] == "ready"
        assert lost["progress"]["sentence"] == "1 of 2 copies are ready"
        assert "signal 9" in lost["error"]["sentence"]
        assert all(_ask(served).status_code == 200 for _ in range(4))
        with EngineProcess(served.checkpoint, log=tmp_path / "engine.log") as engine:
            agree(engine, served)  # DeepSeek's architecture with INT4, through the router
        until(lambda: "2 of 2" in served.status()["progress"]["sentence"], "the second copy, again", STARTS_WITHIN_S)
        assert (served.status()["restarts"], served.status()["error"]) == (1, None)
        assert _ask(served).json()["choices"] == before["choices"]

        family = psutil.Process(served.process).children(recursive=True)
        with _streamed(served) as lines:
            assert next(lines).startswith("data: ")
            psutil.Process(served.process).terminate()
            assert [line for line in lines if line][-1] == "data: [DONE]"
    assert _gone(family)
    assert _kept(served, "router")["state"] == "stopped"


def test_two_nodes_by_rank_meet_and_answer_as_one_does(
    sglang_server: Served, sglang_python: Path, tmp_path: Path
) -> None:
    cores = sorted(os.sched_getaffinity(0))
    binding = {"SGLANG_CPU_OMP_THREADS_BIND": f"{cores[0]}|{cores[-1]}"}
    together = ("--nnodes", "2", "--dist-init-addr", f"127.0.0.1:{free_port()}", "--node-rank")
    model = sglang_server.checkpoint
    with (
        serve(sglang_python, model, tmp_path / "first", *together, "0", **binding) as first,
        serve(sglang_python, model, tmp_path / "second", *together, "1", **binding) as second,
    ):
        first.reached("ready")
        assert second.reached("ready")["url"] == ""
        assert _greedy(first) == _greedy(sglang_server)
        family = [one for served in (first, second) for one in psutil.Process(served.process).children(recursive=True)]
        assert len(family) >= 4
    assert _gone(family)
