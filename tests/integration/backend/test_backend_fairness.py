"""Clients take turns over HTTP: whoever floods the server does not keep another one out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from backend_client_target import INSTANT, Target
from torch import Tensor

from backend.api.testing import Played, played, write_words
from backend.engine.limits import Limits
from backend.engine.request import Finish
from backend.engine.scheduler import Happened, Work
from backend.text.detokenizer import decoded

FLOOD = 40


@pytest.fixture(scope="module")
def gate() -> threading.Event:
    """While it is closed the engine makes no pass."""
    return threading.Event()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, gate: threading.Event) -> Iterator[Played]:
    words = tmp_path_factory.mktemp("words")
    write_words(words)

    def wait(_: Any) -> None:
        assert gate.wait(60)

    script = {"WORK": "</think>" + "on and on " * 5, "SINGLE": "</think>" + "on and on " * 5}
    with played(words, script, limits=Limits(max_running=2, step_tokens=16), before=wait) as running:
        yield running
        gate.set()


Ask = Callable[[httpx.Client, str, str], httpx.Response]


def _by_header(client: httpx.Client, who: str, words: str) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": words}], "temperature": 0, "user": "everybody"} | INSTANT
    return client.post("/v1/chat/completions", json=body, headers={"X-Client": who})


def _by_user(client: httpx.Client, who: str, words: str) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": words}], "temperature": 0, "user": who} | INSTANT
    return client.post("/v1/chat/completions", json=body)


def _by_metadata(client: httpx.Client, who: str, words: str) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": words}], "max_tokens": 40, "metadata": {"user_id": who}}
    return client.post("/v1/messages", json=body)


def _by_raw_prompt(client: httpx.Client, who: str, words: str) -> httpx.Response:
    body = {"prompt": words, "max_tokens": 20, "temperature": 0, "user": who}
    return client.post("/v1/completions", json=body)


def _by_generate(client: httpx.Client, who: str, words: str) -> httpx.Response:
    body = {"text": words, "sampling_params": {"max_new_tokens": 20, "temperature": 0}}
    return client.post("/generate", json=body, headers={"X-Client": who})


@pytest.fixture
def ended(server: Played, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each request that ends whether it is the single one, in the engine's order: threads have one of their own."""
    seen: list[bool] = []
    scheduler = server.engine._scheduler
    settle = scheduler.settle

    def told(work: list[Work], logits: Tensor) -> list[Happened]:
        happened = settle(work, logits)
        for sequence, happening in happened:
            if isinstance(happening, Finish):
                seen.append("SINGLE" in decoded(server.tokenizer, list(sequence.request.prompt)))
        return happened

    monkeypatch.setattr(scheduler, "settle", told)
    return seen


@pytest.mark.parametrize("ask", [_by_header, _by_user, _by_metadata, _by_raw_prompt, _by_generate])
def test_a_flood_does_not_keep_another_clients_request_out(
    server: Played, gate: threading.Event, ended: list[bool], ask: Ask
) -> None:
    gate.clear()
    limits = httpx.Limits(max_connections=FLOOD + 1)
    opened = httpx.Client(base_url=server.url, timeout=60, limits=limits, trust_env=False)
    with opened as client, ThreadPoolExecutor(FLOOD + 1) as pool:
        flood = [pool.submit(ask, client, "many", f"WORK {n}") for n in range(FLOOD)]
        _until_asked(server, FLOOD)
        single = pool.submit(ask, client, "one", "SINGLE")
        _until_asked(server, FLOOD + 1)
        gate.set()
        assert {each.result().status_code for each in (*flood, single)} == {200}
    assert (len(ended), sum(ended)) == (FLOOD + 1, 1)
    # Two run when it comes, and two more may end while it is answered.
    assert ended.index(True) <= 4, ended


def _until_asked(server: Played, count: int) -> None:
    service = server.host.known
    assert service is not None
    Target(server.url).until("context_len", lambda _: len(service.running) == count)
