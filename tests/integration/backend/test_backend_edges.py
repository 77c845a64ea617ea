"""Where answers end: at a second call, a stop string, by the id of several prompts, at a drain, before any token."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from backend_client_target import INSTANT, SCRIPT, WEATHER, Target, ask, tool

from backend.api.testing import Played, played, write_words


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    write_words(folder)
    return folder


@pytest.fixture(scope="module")
def gate() -> threading.Event:
    """The engine's passes wait while it is not set."""
    opened = threading.Event()
    opened.set()
    return opened


@pytest.fixture(scope="module")
def server(words: Path, gate: threading.Event) -> Iterator[Played]:
    def before(_: Any) -> None:
        gate.wait(60)

    with played(words, SCRIPT, before=before) as running:
        yield running
        gate.set()


@pytest.fixture
def client(server: Played) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as opened:
        yield opened


def _chat(words: str, **fields: Any) -> dict[str, Any]:
    return {"messages": ask(words), "temperature": 0, "max_tokens": 400, **INSTANT, **fields}


def _events(client: httpx.Client, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    told = client.post(path, json=body | {"stream": True}).text.splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in told if line.startswith("data: {")]


def _until_running(server: Played, count: int) -> None:
    service = server.host.known
    assert service is not None
    Target(server.url).until("context_len", lambda _: len(service.running) == count)


def test_where_calls_are_not_made_side_by_side_an_answer_has_one(client: httpx.Client) -> None:
    body = _chat("BOTH", tools=tool(strict=False), parallel_tool_calls=False)
    whole = client.post("/v1/chat/completions", json=body).json()["choices"][0]
    assert [call["function"]["arguments"] for call in whole["message"]["tool_calls"]] == ['{"city": "Paris"}']
    assert whole["finish_reason"] == "tool_calls"
    chunks = [chunk["choices"][0] for chunk in _events(client, "/v1/chat/completions", body)]
    calls = [call for chunk in chunks for call in chunk["delta"].get("tool_calls") or ()]
    assert {call["index"] for call in calls} == {0}
    assert chunks[-1]["finish_reason"] == "tool_calls"


def test_anthropics_switch_does_the_same(client: httpx.Client) -> None:
    tools = [{"name": "get_weather", "input_schema": WEATHER}]
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    body = {"messages": ask("BOTH"), "max_tokens": 400, "tools": tools, "tool_choice": choice}
    told = client.post("/v1/messages", json=body).json()
    assert [block["input"] for block in told["content"]] == [{"city": "Paris"}]
    assert told["stop_reason"] == "tool_use"


def test_a_stop_string_breaks_no_call(client: httpx.Client) -> None:
    body = _chat("WEATHER", tools=tool(strict=False), stop=["Paris", "get_weather"])
    choice = client.post("/v1/chat/completions", json=body).json()["choices"][0]
    assert [call["function"]["arguments"] for call in choice["message"]["tool_calls"]] == ['{"city": "Paris"}']
    assert choice["finish_reason"] == "tool_calls"
    words = client.post("/v1/chat/completions", json=body | {"stop": ["look"]}).json()["choices"][0]
    assert (words["message"]["content"], words["message"]["tool_calls"], words["finish_reason"]) == ("I ", None, "stop")
    sign = client.post("/v1/chat/completions", json=body | {"stop": ["<|tool_call_end|>"]}).json()["choices"][0]
    assert sign["matched_stop"] == "<|tool_call_end|>"
    assert len(sign["message"]["tool_calls"]) == 1


def test_several_prompts_are_aborted_by_the_id_of_their_body(
    client: httpx.Client, server: Played, gate: threading.Event
) -> None:
    params = {"max_new_tokens": 900, "ignore_eos": True}
    asked = [
        ("/v1/completions", {"prompt": ["a", "b"], "max_tokens": 900, "ignore_eos": True, "rid": "R"}),
        ("/generate", {"text": ["a", "b"], "sampling_params": params, "rid": "R"}),
    ]
    for path, body in asked:
        gate.clear()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(client.post, path, json=body)
            _until_running(server, 2)
            again = client.post(path, json=body | {"n": 2}, timeout=10)
            part = client.post("/abort_request", json={"rid": "R-1"}).json()
            rest = client.post("/abort_request", json={"rid": "R"}).json()
            gate.set()
            answer = first.result()
        assert again.status_code == 400
        assert "running already" in again.json()["message"]
        assert (part, rest) == ({"aborted": 1}, {"aborted": 2})
        assert answer.text.count('"abort"') == 2
        _until_running(server, 0)


def test_a_prompt_is_only_read_where_no_token_is_wanted(client: httpx.Client) -> None:
    body = {"prompt": "Once upon", "max_tokens": 0, "echo": True, "logprobs": 1}
    told = client.post("/v1/completions", json=body).json()
    choice = told["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("Once upon", "length")
    assert told["usage"]["completion_tokens"] == 0
    assert len(choice["logprobs"]["token_logprobs"]) == told["usage"]["prompt_tokens"]
    raw = {"input_ids": [5, 6, 7], "sampling_params": {"max_new_tokens": 0}, "return_logprob": True}
    meta = client.post("/generate", json=raw | {"logprob_start_len": 0}).json()["meta_info"]
    assert len(meta["input_token_logprobs"]) == 3


def test_a_stream_tells_the_prompts_log_probabilities_too(client: httpx.Client) -> None:
    body = {"prompt": "Once upon", "max_tokens": 3, "temperature": 0, "echo": True, "logprobs": 1}
    whole = client.post("/v1/completions", json=body).json()["choices"][0]
    chunks = [chunk["choices"][0] for chunk in _events(client, "/v1/completions", body)]
    assert chunks[0]["text"] == "Once upon"
    assert "".join(chunk["text"] for chunk in chunks) == whole["text"]
    told = [value for chunk in chunks for value in (chunk["logprobs"] or {}).get("token_logprobs", ())]
    assert told == pytest.approx(whole["logprobs"]["token_logprobs"])


def test_what_runs_when_the_drain_is_over_ends_as_broken_off(words: Path) -> None:
    slow = threading.Event()

    def before(_: Any) -> None:
        slow.wait(0.02)

    chat = _chat("LONG", max_tokens=1900, ignore_eos=True)
    message = {"messages": ask("LONG"), "max_tokens": 1500}
    asked = [(path, body | {"stream": stream})
             for path, body in (("/v1/chat/completions", chat), ("/v1/messages", message))
             for stream in (False, True)]  # fmt: skip
    with played(words, SCRIPT, before=before) as server, ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(httpx.post, server.url + path, json=body, timeout=60) for path, body in asked]
        _until_running(server, 4)
        server.stop()
        whole, stream, message_whole, message_stream = [one.result() for one in sent]
        slow.set()
    assert whole.json()["choices"][0]["finish_reason"] == "abort"
    assert '"finish_reason":"abort"' in stream.text
    assert stream.text.endswith("data: [DONE]\n\n")
    assert (message_whole.status_code, message_whole.json()["error"]["type"]) == (503, "overloaded_error")
    assert "overloaded_error" in message_stream.text
