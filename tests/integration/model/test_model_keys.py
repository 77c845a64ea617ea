"""A key goes to the model server and nowhere else: into no error, no log, no other address."""

from __future__ import annotations

import logging

import httpx
import pytest
from model_asking import KEY, Asking

from clawgroups.errors import DriverError
from clawgroups.testing.model_reply import Chunk, Reply, refuses, says
from clawgroups.testing.model_server import ModelServer

TELLTALES = [
    refuses(401, f"Incorrect API key provided: {KEY}"),
    refuses(500, f"header was: Bearer {KEY}"),
    refuses(400, f"nonsense {KEY}"),
    refuses(429, f"{KEY} is over its limit"),
    refuses(404, f"model for {KEY} not found"),
    Reply(status=307, headers={"Location": f"http://127.0.0.1:1/?key={KEY}"}, body=b""),
    Reply(headers={"Content-Type": "text/html"}, body=f"you sent {KEY}".encode()),
    says(Chunk(f"not JSON {KEY}")),
    says(Chunk({"error": {"message": f"bad {KEY}"}})),
    Reply(headers={"Content-Type": "application/json"}, body=f'{{"said": "{KEY}"}}'.encode()),
]


@pytest.mark.parametrize("reply", TELLTALES)
async def test_a_server_that_repeats_the_key_gets_it_into_no_error_and_no_log(
    client: httpx.AsyncClient, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with ModelServer(lambda body: reply) as server:
        error = await Asking(server, client).fails()
        assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in str(error)
    assert KEY not in error.partial
    assert KEY not in repr(error.__cause__)
    assert KEY not in caplog.text


async def test_an_unreachable_server_gets_the_key_into_no_log(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = await Asking("http://127.0.0.1:1/v1", client).fails()
    assert KEY not in str(error) + caplog.text


async def test_a_redirect_never_takes_the_thread_or_the_key_elsewhere(client: httpx.AsyncClient) -> None:
    async with ModelServer() as other:
        where = {"Location": f"{other.base_url}/chat/completions"}
        for status in (301, 302, 307, 308):
            async with ModelServer([Reply(status=status, headers=where, body=b"")]) as server:
                assert (await Asking(server, client).fails()).kind == "redirect"
        assert other.count == 0


@pytest.mark.parametrize("key", ["sk-with\nnewline", "sk-€uro", "sk-\x00"])
async def test_what_cannot_be_a_key_is_refused_without_being_repeated(client: httpx.AsyncClient, key: str) -> None:
    with pytest.raises(DriverError, match="characters that no key has") as caught:
        Asking("http://127.0.0.1:1/v1", client, key=key)
    assert caught.value.kind == "auth"
    assert "sk-" not in str(caught.value)


async def test_blanks_around_a_key_are_no_part_of_it_and_no_key_sends_none(client: httpx.AsyncClient) -> None:
    async with ModelServer([says("Yes."), says("Yes.")]) as server:
        await Asking(server, client, key=f" {KEY}\n").turn()
        await Asking(server, client, key="").turn()
    assert [heard.headers.get("Authorization") for heard in server.requests] == [f"Bearer {KEY}", None]
