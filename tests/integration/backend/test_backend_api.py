"""The engine's HTTP side at its edges: doors, refusals, clients that leave, full queues, and SGLang's own forms."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from backend_client_target import INSTANT, Target

from backend.api.testing import Played, played, write_words
from backend.engine.limits import Limits

SCRIPT = {"PLAIN": "</think>The sky is blue.", "LONG": "</think>" + "on and on " * 300, "UNI": "</think>né 日本 🎉"}


class Gate:
    """Holds the engine's passes up while it is closed."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()

    def __call__(self, _: Any) -> None:
        assert self._open.wait(60)

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    write_words(folder)
    return folder


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate()


@pytest.fixture(scope="module")
def server(words: Path, gate: Gate) -> Iterator[Played]:
    limits = Limits(max_running=2, max_queued=2)
    with played(words, SCRIPT, api_key="secret", limits=limits, before=gate, largest_body=2**20) as running:
        yield running
        gate.open()


@pytest.fixture
def client(server: Played) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer secret"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as opened:
        yield opened


def _chat(words: str, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": words}], "temperature": 0} | INSTANT | fields


# --- doors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"x-api-key": "wrong"}])
def test_a_stranger_is_told_so_in_either_form(server: Played, headers: dict[str, str]) -> None:
    told = httpx.post(f"{server.url}/v1/chat/completions", json=_chat("x"), headers=headers)
    assert told.status_code == 401
    assert told.json()["code"] == 401
    told = httpx.post(f"{server.url}/v1/messages", json={}, headers=headers)
    assert told.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("path", ["/ready", "/health", "/health_generate", "/metrics"])
def test_what_watches_needs_no_key(server: Played, path: str) -> None:
    assert httpx.get(server.url + path).status_code == 200


def test_either_header_has_the_key(server: Played) -> None:
    assert httpx.get(f"{server.url}/v1/models", headers={"x-api-key": "secret"}).status_code == 200


def test_a_body_that_is_too_large_is_not_read(client: httpx.Client) -> None:
    told = client.post("/v1/chat/completions", json=_chat("x" * 2**21))
    assert told.status_code == 413
    assert "larger than 1 MiB" in told.json()["message"]

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 2**16

    assert client.post("/v1/chat/completions", content=endless()).status_code == 413


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": [{"type": "video_url"}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "text"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"n": 1000}, "n:"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 100_000}, "context length"),
        ({"stop": [""]}, "stop"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"repetition_penalty": 1.2}, "repetition_penalty"),
        ({"tools": [{"type": "function", "function": {"name": "no spaces"}}]}, "name of a function"),
        ({"tool_choice": "required"}, "no tools"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "not among the tools"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "odd"}}}}, "not supported"),
        ({"chat_template_kwargs": {"messages": []}}, "chat_template_kwargs"),
        ({"top_logprobs": 3}, "logprobs"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://x/y.png"}]}]},
            "data URL",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png;base64,eA=="}]}
                ]
            },
            "image",
        ),
        ({"messages": [{"role": "user", "content": "\ud800" + "x" * 9000}]}, "context length"),
        ({"tool_choice": {"type": "function", "function": {"name": "\ud800"}}}, "not among the tools"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
def test_what_cannot_be_served_is_refused_with_a_reason(client: httpx.Client, fields: Any, said: str) -> None:
    body = json.dumps(_chat("x") | fields).encode()
    told = client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert told.status_code == 400, told.text
    assert said in told.json()["message"]
    assert told.json()["type"] == "BadRequestError"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b'"\xff"', b'{"messages": NaN}'])
def test_what_is_no_body_is_refused(client: httpx.Client, body: bytes) -> None:
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/messages", "/generate"):
        told = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert told.status_code == 400, told.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": [{"role": "user", "content": [{"type": "document"}]}]}, "messages"),
        ({"tool_choice": {"type": "any"}}, "no tools"),
        ({"tools": [{"name": "x", "input_schema": {}}, {"name": "x", "input_schema": {}}]}, "same name"),
        ({"stop_sequences": [""]}, "stop"),
    ],
)
def test_what_cannot_be_served_is_refused_in_anthropics_form(client: httpx.Client, fields: Any, said: str) -> None:
    told = client.post("/v1/messages", json={"messages": [{"role": "user", "content": "x"}], "max_tokens": 4} | fields)
    assert told.status_code == 400
    assert told.json()["type"] == "error"
    assert told.json()["error"]["type"] == "invalid_request_error"
    assert said in told.json()["error"]["message"]


def test_another_model_is_unknown_but_its_name_in_a_request_is_taken(client: httpx.Client) -> None:
    assert client.get("/v1/models/other").status_code == 404
    assert client.get("/v1/models/played").json()["max_model_len"] == 2048
    assert client.post("/v1/chat/completions", json=_chat("PLAIN", model="other")).json()["model"] == "other"


# --- clients that come and go ------------------------------------------------------------------------------


def test_a_client_that_hangs_up_while_it_waits_is_aborted(server: Played, gate: Gate) -> None:
    target = Target(server.url, key="secret")
    before = target.metric("num_aborted_requests_total")
    gate.close()
    try:
        for stream in (True, False):
            host, _, port = server.url.removeprefix("http://").partition(":")
            waiting = http.client.HTTPConnection(host, int(port))
            body = json.dumps(_chat("LONG", stream=stream, max_tokens=1500))
            headers = {"Content-Type": "application/json", "Authorization": "Bearer secret"}
            waiting.request("POST", "/v1/chat/completions", body, headers)
            _until_known(server, 1)
            assert waiting.sock is not None
            waiting.sock.shutdown(socket.SHUT_RDWR)
            waiting.close()
            _until_known(server, 0)
    finally:
        gate.open()
    target.until("num_aborted_requests_total", lambda now: now == before + 2)
    target.until("num_running_reqs", lambda now: now == 0)


def _until_known(server: Played, count: int) -> None:
    """Until the API has so many requests in its hands."""
    service = server.host.known
    assert service is not None
    Target(server.url).until("context_len", lambda _: len(service.running) == count)


def test_a_full_queue_says_when_to_come_again(client: httpx.Client, server: Played, gate: Gate) -> None:
    gate.close()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(client.post, "/v1/chat/completions", json=_chat("PLAIN")) for _ in range(8)]
        Target(server.url).until("context_len", lambda _: sum(one.done() for one in asked) >= 4)
        gate.open()
        answers = [one.result() for one in asked]
    refused = [one for one in answers if one.status_code == 429]
    assert refused
    assert all(one.headers["retry-after"] == "1" and "queue is full" in one.json()["message"] for one in refused)
    served = [one.json() for one in answers if one.status_code == 200]
    assert served
    assert all(one["choices"][0]["message"]["content"] == "The sky is blue." for one in served)


@pytest.mark.parametrize("everything", [True, False])
def test_a_request_is_aborted_by_its_id(client: httpx.Client, server: Played, gate: Gate, everything: bool) -> None:
    gate.close()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/v1/chat/completions", json=_chat("LONG", rid="mine", max_tokens=1000))
        _until_known(server, 1)
        assert client.post("/abort_request", json={"rid": "other"}).json() == {"aborted": 0}
        told = client.post("/abort_request", json={"abort_all": True} if everything else {"rid": "mine"})
        gate.open()
        answer = asked.result().json()
    assert told.json() == {"aborted": 1}
    assert answer["id"] == "mine"
    assert answer["choices"][0]["finish_reason"] == "abort"


def test_a_broken_off_message_is_an_error_and_not_half_an_answer(
    client: httpx.Client, server: Played, gate: Gate
) -> None:
    """Anthropic has no reason for it, and "end_turn" would say that it is whole."""
    body = {"model": "played", "max_tokens": 1000, "messages": [{"role": "user", "content": "LONG"}]}
    for stream in (False, True):
        gate.close()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.post, "/v1/messages", json=body | {"stream": stream})
            _until_known(server, 1)
            client.post("/abort_request", json={"abort_all": True})
            gate.open()
            answer = asked.result()
        assert "overloaded_error" in answer.text
        assert "end_turn" not in answer.text
        assert answer.status_code == (200 if stream else 503)


def test_arguments_nested_without_end_are_refused(client: httpx.Client) -> None:
    nested: dict[str, Any] = {}
    for _ in range(200):
        nested = {"a": nested}
    call = {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": nested}}
    turns = [{"role": "user", "content": "PLAIN"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    refused = client.post("/v1/chat/completions", json={"model": "played", "messages": turns})
    assert refused.status_code == 400
    assert "nested deeper" in refused.json()["message"]


def test_a_conversation_that_goes_on_is_read_from_the_cache(client: httpx.Client) -> None:
    first = client.post("/v1/chat/completions", json=_chat("PLAIN " + "and more " * 40)).json()
    again = client.post("/v1/chat/completions", json=_chat("PLAIN " + "and more " * 40)).json()
    assert first["usage"]["prompt_tokens_details"]["cached_tokens"] < 40
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] > 60


def test_an_answer_that_a_stop_string_ends_is_not_an_aborted_one(client: httpx.Client, server: Played) -> None:
    target = Target(server.url)
    before = {name: target.metric(name) for name in ("num_aborted_requests_total", "num_requests_total")}
    body = {"stop": [" and on"], "max_tokens": 1500}
    answers = [client.post("/v1/chat/completions", json=_chat("LONG") | body).json() for _ in range(3)]
    assert [one["choices"][0]["message"]["content"] for one in answers] == ["on"] * 3
    assert {one["choices"][0]["matched_stop"] for one in answers} == {" and on"}
    assert max(one["usage"]["completion_tokens"] for one in answers) < 20
    target.until("num_requests_total", lambda now: now == before["num_requests_total"] + 3)
    target.until("num_running_reqs", lambda now: now == 0)
    assert target.metric("num_aborted_requests_total") == before["num_aborted_requests_total"]


def test_characters_come_whole_in_a_stream(client: httpx.Client) -> None:
    with client.stream("POST", "/v1/chat/completions", json=_chat("UNI", stream=True)) as stream:
        lines = [line.removeprefix("data: ") for line in stream.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    deltas = [json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines[:-1]]
    assert "".join(deltas) == "né 日本 🎉"
    assert not any("\ufffd" in delta for delta in deltas)


# --- SGLang's own forms ------------------------------------------------------------------------------------


def test_generate_tells_tokens_and_log_probabilities_as_sglang_does(client: httpx.Client) -> None:
    params = {"max_new_tokens": 5, "temperature": 0}
    body = {"input_ids": [5, 6, 7, 8], "sampling_params": params, "return_logprob": True, "top_logprobs_num": 2}
    told = client.post("/generate", json=body | {"logprob_start_len": 0}).json()
    meta = told["meta_info"]
    assert len(told["output_ids"]) == 5
    assert meta["finish_reason"] == {"type": "length", "length": 5}
    assert [row[1] for row in meta["input_token_logprobs"]] == [5, 6, 7, 8]
    assert meta["input_token_logprobs"][0][0] is None
    assert all(row[0] < 0 for row in meta["input_token_logprobs"][1:])
    assert [row[1] for row in meta["output_token_logprobs"]] == told["output_ids"]
    assert [len(rows) for rows in meta["output_top_logprobs"]] == [2] * 5
    assert [rows[0][1] for rows in meta["output_top_logprobs"]] == told["output_ids"]
    later = client.post("/generate", json=body | {"logprob_start_len": 2}).json()["meta_info"]
    assert later["input_token_logprobs"][1] == pytest.approx(meta["input_token_logprobs"][3])
    assert later["input_token_logprobs"][0][:2] == [None, 7]
    assert (
        "input_token_logprobs"
        not in client.post("/generate", json=body | {"return_logprob": False}).json()["meta_info"]
    )


def test_generate_takes_several_prompts_and_streams_one(client: httpx.Client) -> None:
    params = {"max_new_tokens": 4, "temperature": 0}
    both = client.post("/generate", json={"text": ["one", "two"], "sampling_params": params}).json()
    alone = client.post("/generate", json={"text": "two", "sampling_params": params}).json()
    assert [len(one["output_ids"]) for one in both] == [4, 4]
    assert both[1]["output_ids"] == alone["output_ids"]
    with client.stream("POST", "/generate", json={"text": "two", "sampling_params": params, "stream": True}) as stream:
        lines = [line.removeprefix("data: ") for line in stream.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    assert json.loads(lines[-2])["text"] == alone["text"]
    assert json.loads(lines[-2])["meta_info"]["finish_reason"]["type"] == "length"


def test_raw_prompts_come_as_text_or_tokens_one_or_several(client: httpx.Client, server: Played) -> None:
    tokens = server.tokenizer.encode_template("<|im_user|>hello")
    assert server.tokenizer.name(tokens[0]) == "<|im_user|>"
    asked = {"max_tokens": 3, "temperature": 0}
    texts = [
        client.post("/v1/completions", json=asked | {"prompt": prompt}).json()["choices"]
        for prompt in ("<|im_user|>hello", tokens, ["<|im_user|>hello", "other"], [tokens])
    ]
    assert [len(one) for one in texts] == [1, 1, 2, 1]
    assert len({one[0]["text"] for one in texts}) == 1
    assert client.post("/v1/completions", json={"prompt": [99_999]}).status_code == 400
    assert client.post("/v1/completions", json={"prompt": ""}).status_code == 400


def test_metrics_have_sglangs_names_and_figures(client: httpx.Client, server: Played) -> None:
    target = Target(server.url)
    before = {name: target.metric(name) for name in ("num_requests_total", "generation_tokens_total")}
    used = client.post("/v1/chat/completions", json=_chat("PLAIN")).json()["usage"]
    target.until("num_requests_total", lambda now: now == before["num_requests_total"] + 1)
    assert target.metric("generation_tokens_total") == before["generation_tokens_total"] + used["completion_tokens"]
    text = httpx.get(f"{server.url}/metrics").text
    for name in (
        "prompt_tokens_total", "cached_tokens_total", "num_aborted_requests_total", "num_running_reqs",
        "num_queue_reqs", "num_used_tokens", "token_usage", "cache_hit_rate", "gen_throughput", "max_total_num_tokens",
        "time_to_first_token_seconds_bucket", "inter_token_latency_seconds_count", "e2e_request_latency_seconds_sum",
    ):  # fmt: skip
        assert f"\nsglang:{name}{{" in text, name


def test_what_the_server_is_can_be_asked(client: httpx.Client) -> None:
    assert client.get("/get_model_info").json()["is_generation"] is True
    assert client.get("/server_info").json()["max_total_num_tokens"] == 4096
    assert client.get("/nowhere").status_code == 404


def test_the_cache_is_flushed_only_while_nobody_asks(client: httpx.Client, server: Played, gate: Gate) -> None:
    target = Target(server.url)
    target.until("num_running_reqs", lambda now: now == 0)
    client.post("/v1/chat/completions", json=_chat("PLAIN " + "well known " * 20))
    flushed = client.get("/flush_cache", params={"timeout": 30})
    assert (flushed.status_code, flushed.text) == (200, "Cache flushed.\n")
    again = client.post("/v1/chat/completions", json=_chat("PLAIN " + "well known " * 20)).json()
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    gate.close()
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(client.post, "/v1/chat/completions", json=_chat("PLAIN"))
        _until_known(server, 1)
        at_once = pool.submit(client.post, "/flush_cache")
        target.until("num_running_reqs", lambda _: bool(server.engine._flushes))
        gate.open()
        assert at_once.result().status_code == 400
        assert "not flushed while requests run or wait" in at_once.result().json()["message"]
        assert asked.result().status_code == 200
    assert client.post("/flush_cache", params={"timeout": -1}).status_code == 400
    assert client.post("/flush_cache", params={"timeout": "inf"}).status_code == 400
    assert httpx.get(f"{server.url}/flush_cache").status_code == 401
