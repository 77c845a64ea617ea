"""What gets in: keys as a whole, bodies up to the limit, and what watches the server."""

import asyncio
import json

import pytest
from starlette.exceptions import HTTPException

from backend.api import doors
from backend.api.doors import UNCOUNTED, Doors
from backend.api.room import Room


class Client:
    """Asks an ASGI application without a network. ``answer`` is the status, ``held`` what the room held meanwhile."""

    def __init__(self, key="", largest=2**20, room=2**20):
        self.room = Room(room, "The bodies")
        self.doors = Doors(self._read, api_key=key, largest_body=largest, room=self.room)
        self.held = 0

    async def _read(self, scope, receive, send):
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        self.held = self.room.held
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(self, *chunks, path="/v1/chat/completions", length=True, **headers):
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        if length:
            named[b"content-length"] = str(sum(map(len, chunks))).encode()
        left, sent = list(chunks) or [b""], []

        async def receive():
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "headers": list(named.items())}
        try:
            await self.doors(scope, receive, send)
        except HTTPException as refused:  # FastAPI's own handler makes it an answer
            return refused.status_code
        if sent[0]["status"] != 200:
            told = json.loads(sent[1]["body"])
            assert told.get("message") or told["error"]["message"]
        return sent[0]["status"]


@pytest.mark.parametrize("length", [True, False])
async def test_a_body_as_large_as_allowed_is_read_and_one_byte_more_is_not(length):
    client = Client(largest=1000)
    assert await client.ask(b"x" * 400, b"x" * 600, length=length) == 200
    assert await client.ask(b"x" * 400, b"x" * 601, length=length) == 413


@pytest.mark.parametrize("sent", ["", "s", "secre", "secret2", "Secret"])
async def test_a_key_is_the_whole_key(sent):
    client = Client(key="secret")
    assert await client.ask(authorization=f"Bearer {sent}") == 401
    assert await client.ask(x_api_key=sent) == 401
    assert await client.ask(authorization="Bearer secret") == await client.ask(authorization="bearer  secret") == 200
    assert await client.ask(x_api_key="secret") == 200
    assert await client.ask(authorization="Basic secret") == 401


async def test_only_what_watches_the_server_needs_no_key():
    client = Client(key="secret")
    for path in ("/health", "/health_generate", "/ready", "/metrics"):
        assert await client.ask(path=path) == 200
    for path in ("/", "/v1/models", "/generate", "/abort_request", "/flush_cache", "/server_info", "/v1/messages"):
        assert await client.ask(path=path) == 401
    assert await Client().ask() == 200


async def test_bodies_take_room_from_their_first_bytes_on_until_they_are_answered():
    client = Client(room=1000)
    assert await client.ask(b"x" * UNCOUNTED, b"x" * 1000) == 200
    assert (client.held, client.room.held) == (1000, 0)
    assert await client.ask(b"x" * UNCOUNTED, b"x" * 600, b"x" * 401) == 429
    assert client.room.held == 0
    client.room.take(1000)
    assert await client.ask(b"x" * UNCOUNTED) == 200
    assert await client.ask(b"x" * UNCOUNTED, b"x") == 429
    client.room.give(1000)
    assert await client.ask(b"x" * UNCOUNTED, b"x" * 600) == 200


async def test_nobody_is_hurried_once_the_body_is_there(monkeypatch):
    """Afterwards a receive waits for the client to go, as long as the answer takes."""
    monkeypatch.setattr(doors, "STALLED_S", 0.01)
    seen, gone = [], asyncio.Event()

    async def answers(scope, receive, send):
        assert (await receive())["body"] == b"x"
        listening = asyncio.create_task(receive())
        seen.append(await asyncio.wait([listening], timeout=0.1))
        gone.set()
        seen.append(await listening)

    async def receive():
        if not seen and not asked.is_set():
            asked.set()
            return {"type": "http.request", "body": b"x", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    asked = asyncio.Event()
    scope = {"type": "http", "method": "POST", "path": "/generate", "headers": []}
    await Doors(answers, api_key="")(scope, receive, None)
    assert not seen[0][0], "it was broken off"
    assert seen[1] == {"type": "http.disconnect"}
