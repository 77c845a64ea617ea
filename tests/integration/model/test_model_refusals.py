"""What a model server refuses is told in a sentence that a person can act on; what passes is tried again."""

from __future__ import annotations

import itertools
import time
from email.utils import formatdate

import httpx
import pytest
from model_asking import KEY, Asking

from clawgroups.testing.model_reply import Reply, refuses, says
from clawgroups.testing.model_server import ModelServer


@pytest.mark.parametrize(
    ("reply", "kind", "sentence", "hint"),
    [
        (refuses(401, f"Incorrect API key provided: {KEY}."), "auth", "refused the key (401): Incorrect", "right key"),
        (refuses(403, "Your country is not supported."), "auth", "forbids this key", "what it may use"),
        (refuses(400, "temperature must be 1"), "bad_request", "(400): temperature must be 1", "settings"),
        (refuses(422, "", detail=[{"loc": ["n"]}]), "bad_request", "(422)", "settings"),
        (
            refuses(400, "This model's maximum context length is 8192 tokens. You asked for 9000."),
            "context_length",
            "too long for the model (400)",
            "more context",
        ),
        (
            refuses(400, "Invalid request: Your request exceeded model token limit: 262144"),
            "context_length",
            "too long for the model",
            "more context",
        ),
        (
            refuses(400, "The input (300000 tokens) is longer than the model's context length (262144 tokens)."),
            "context_length",
            "too long for the model",
            "more context",
        ),
        (refuses(413, "Payload Too Large"), "context_length", "too long", "more context"),
        (refuses(402, "Insufficient Balance"), "quota", "nothing left to spend (402)", "Top it up"),
        (
            refuses(429, "You exceeded your current quota.", type="exceeded_current_quota_error"),
            "quota",
            "nothing left to spend (429)",
            "Top it up",
        ),
        (
            Reply(status=308, headers={"Location": "http://127.0.0.1:9/v2"}, body=b""),
            "redirect",
            "elsewhere (308), to 'http://127.0.0.1:9/v2'",
            "If you trust that address",
        ),
        (
            Reply(status=400, headers={"Content-Type": "text/html"}, body=b"<html><title>Bad gate</title>" * 999),
            "bad_request",
            "(400): Bad gate",
            "settings",
        ),
        (Reply(status=418, body=b"[" * 9_000), "bad_request", "(418)", "settings"),
    ],
)
async def test_a_refusal_that_stays_is_told_at_once(
    client: httpx.AsyncClient, reply: Reply, kind: str, sentence: str, hint: str
) -> None:
    async with ModelServer([reply]) as server:
        error = await Asking(server, client).fails()
    assert error.kind == kind
    assert sentence in error.sentence
    assert hint in error.hint
    assert server.count == 1, "what stays is not tried again"


@pytest.mark.parametrize("status", [404, 400])
async def test_an_unknown_model_is_told_with_the_models_that_there_are(client: httpx.AsyncClient, status: int) -> None:
    script = [refuses(status, "The model 'test-model' does not exist.")]
    async with ModelServer(script, models=("kimi-k2.6", "kimi-k2.5")) as server:
        error = await Asking(server, client).fails()
    assert error.kind == "not_found"
    assert "knows no model 'test-model'" in error.sentence
    assert error.hint == "The server has: kimi-k2.6, kimi-k2.5."


async def test_a_wrong_path_is_told_apart_from_a_wrong_model(client: httpx.AsyncClient) -> None:
    async with ModelServer() as server:
        error = await Asking(f"{server.url}/v9", client).fails()
    assert error.kind == "not_found"
    assert "mostly ends in /v1" in error.hint


@pytest.mark.parametrize("ending", ["/v1", "/v1/", "/v1/chat/completions", "/v1/chat/completions/"])
async def test_an_address_may_be_written_in_any_usual_way(client: httpx.AsyncClient, ending: str) -> None:
    async with ModelServer([says("Yes.")]) as server:
        assert (await Asking(server.url + ending, client).turn()).content == "Yes."


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529, 408])
async def test_a_server_that_stumbles_is_asked_again(client: httpx.AsyncClient, status: int) -> None:
    async with ModelServer([refuses(status, "oops"), refuses(status, "oops"), says("There.")]) as server:
        asking = Asking(server, client)
        assert (await asking.turn()).content == asking.text == "There."


async def test_a_server_that_keeps_failing_is_told_after_four_tries(client: httpx.AsyncClient) -> None:
    async with ModelServer(lambda body: refuses(500, "CUDA out of memory")) as server:
        error = await Asking(server, client).fails()
    assert (error.kind, server.count) == ("server", 4)
    assert "failed (500): CUDA out of memory" in error.sentence


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_rate_limit_is_waited_for_as_long_as_it_says(client: httpx.AsyncClient, form: str) -> None:
    after = "0.3" if form == "seconds" else formatdate(time.time() + 1.0, usegmt=True)  # a date has whole seconds
    limited = refuses(429, "slow down", {"Retry-After": after})
    async with ModelServer([limited, says("Now.")]) as server:
        assert (await Asking(server, client, backoff_s=0.0).turn()).content == "Now."
        first, second = server.requests
    assert second.came - first.came >= (0.3 if form == "seconds" else 0.0)
    assert second.came - first.came < 2.0


async def test_a_rate_limit_without_a_time_backs_off_further_each_time(client: httpx.AsyncClient) -> None:
    async with ModelServer(lambda body: refuses(429, "slow down")) as server:
        error = await Asking(server, client, backoff_s=0.05).fails()
        came = [heard.came for heard in server.requests]
    assert (error.kind, error.retry_after, len(came)) == ("rate_limit", None, 4)
    gaps = [later - earlier for earlier, later in itertools.pairwise(came)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 0.04


async def test_a_long_wait_is_left_to_the_dispatcher(client: httpx.AsyncClient) -> None:
    async with ModelServer(lambda body: refuses(429, "slow down", {"Retry-After": "120"})) as server:
        error = await Asking(server, client).fails()
    assert (error.kind, error.retry_after, server.count) == ("rate_limit", 120.0, 1)


@pytest.mark.parametrize(
    "nonsense", ["soon", "²", "-5", "nan", "1e999", "Mon, 99 Foo 2026", "Thu, 01 Jan 1970 00:00:00 GMT"]
)
async def test_a_nonsense_retry_after_does_no_harm(client: httpx.AsyncClient, nonsense: str) -> None:
    async with ModelServer([refuses(429, "slow", {"Retry-After": nonsense}), says("Now.")]) as server:
        assert (await Asking(server, client).turn()).content == "Now."


async def test_nobody_there_is_told_with_the_place(client: httpx.AsyncClient) -> None:
    async with ModelServer() as server:
        place, base_url = f"127.0.0.1:{server.port}", server.base_url
    error = await Asking(base_url, client).fails()
    assert error.kind == "connection"
    assert f"No model server answers at {place}: " in error.sentence
    assert "running" in error.hint


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:8000/v1", "ftp://127.0.0.1/v1", "http://", "http://[::1/v1", "nonsense"]
)
async def test_what_is_no_address_is_refused_at_the_door(client: httpx.AsyncClient, address: str) -> None:
    with pytest.raises(Exception, match="is no address of a model server") as caught:
        Asking(address, client)
    assert getattr(caught.value, "kind", "") == "config"
