"""Model servers on this machine are found by what they say; whatever else listens there is passed over, quickly."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from clawgroups.runner.discover import discover
from clawgroups.testing.model_server import ModelServer


async def test_every_model_of_every_server_that_is_found_is_offered(client: httpx.AsyncClient) -> None:
    async with ModelServer(models=("kimi-k2.6", "nomic-embed-text")) as one, ModelServer(models=("qwen3",)) as two:
        offers = await discover({}, client, {one.port: "SGLang", two.port: "vLLM"})
        assert offers == [
            {
                "name": "kimi-k2.6 at SGLang",
                "base_url": one.base_url,
                "model": "kimi-k2.6",
                "key_ref": "",
                "source": f"a server on port {one.port} of this machine",
            },
            {
                "name": "qwen3 at vLLM",
                "base_url": two.base_url,
                "model": "qwen3",
                "key_ref": "",
                "source": f"a server on port {two.port} of this machine",
            },
        ]


async def test_a_port_where_nobody_listens_is_no_offer_and_no_wait(client: httpx.AsyncClient) -> None:
    async with ModelServer() as gone:
        port = gone.port
    started = time.monotonic()
    assert await discover({}, client, {port: "SGLang"}) == []
    assert time.monotonic() - started < 0.5


def test_keys_in_the_environment_are_offered_by_name_and_never_read_out() -> None:
    env = {"MOONSHOT_API_KEY": "sk-secret", "OPENAI_API_KEY": "sk-other", "KIMI_API_KEY": ""}
    [offer] = asyncio.run(_offers(env))
    assert offer["key_ref"] == "env:MOONSHOT_API_KEY"
    assert (offer["base_url"], offer["model"]) == ("https://api.moonshot.ai/v1", "kimi-k2.6")
    assert "sk-" not in json.dumps(offer)


def test_an_address_and_model_of_ones_own_are_taken_from_the_environment() -> None:
    env = {"OPENAI_API_KEY": "k", "OPENAI_MODEL": "gpt-x", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    env |= {"MOONSHOT_API_KEY": "k", "MOONSHOT_BASE_URL": "https://api.moonshot.cn/v1"}
    moonshot, openai = asyncio.run(_offers(env))
    assert moonshot["base_url"] == "https://api.moonshot.cn/v1"
    assert (openai["name"], openai["base_url"]) == ("gpt-x at OpenAI", "http://127.0.0.1:9/v1")


async def _offers(env: dict[str, str]) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await discover(env, client, {})


# --- hostile answers -----------------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
ANSWERS = {
    "a page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>hello</html>",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "an error": b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "a list": OK + b'["kimi"]',
    "no list": OK + b'{"data": {"id": "x"}}',
    "no names": OK + b'{"data": [{"name": "x"}, {"id": 7}]}',
    "odd names": OK + json.dumps({"data": [{"id": n} for n in ("", " ", "a\nb", "\x1b[31m", "x" * 300)]}).encode(),
    "too deep": OK + b'{"data": ' + b"[" * 200_000,
    "too big": OK + b'{"data": [{"id": "x"}], "pad": "' + b"x" * 2_000_000 + b'"}',
    "not UTF-8": OK + b'{"data": [{"id": "\xff\xfe"}]}',
    "half": OK + b'{"data": [{"id": "kimi"}',
    "nothing": b"",
}
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _found(client: httpx.AsyncClient, serve: Serve) -> tuple[list[dict[str, Any]], float]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            writer.transport.abort()
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        started = time.monotonic()
        offers = await discover({}, client, {server.sockets[0].getsockname()[1]: "SGLang"})
        return offers, time.monotonic() - started


@pytest.mark.parametrize("answer", ANSWERS)
async def test_what_is_no_model_server_is_passed_over(client: httpx.AsyncClient, answer: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWERS[answer])
        await writer.drain()

    assert (await _found(client, serve))[0] == []


@pytest.mark.parametrize("start", [b"", OK, OK + b'{"data": ['], ids=["silent", "after its headers", "in its body"])
async def test_who_drips_for_ever_is_given_up_soon(client: httpx.AsyncClient, start: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(start)
        for _ in range(100):
            if start:
                writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    offers, seconds = await _found(client, serve)
    assert offers == []
    assert seconds < 2.0


async def test_the_good_names_of_a_long_and_odd_list_are_offered_once_and_in_bounds(client: httpx.AsyncClient) -> None:
    names = ("kimi", "kimi", "<script>", "grüße", *(f"model-{number}" for number in range(500)))
    async with ModelServer(models=names) as server:
        offers = await discover({}, client, {server.port: "SGLang"})
    assert [offer["model"] for offer in offers][:4] == ["kimi", "<script>", "grüße", "model-0"]
    assert len(offers) == 20
