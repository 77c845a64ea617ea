"""A real HTTP model server for tests and benchmarks: OpenAI-compatible, and as well or badly behaved as its script.

In a test's own event loop: ``async with ModelServer(script) as server``. As a process of its own:
``python -m clawgroups.testing.model_server --port 0`` prints one line of JSON with its address.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

import uvloop
from aiohttp import web

from clawgroups.testing import model_reply as mr
from clawgroups.testing.model_scripts import OFFERED, Script, named
from clawgroups.testing.model_ticker import Ticker

LARGEST = 256 * 1024 * 1024
DONE = mr.event("[DONE]")


class Heard:
    """One request: what came, when (``time.monotonic()``, the same clock in every process), and how it ended."""

    def __init__(self, number: int, peer: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> None:
        self.number = number
        self.peer = peer  # the client's end of the connection
        self.path = path
        self.headers = headers
        self.body = body
        self.model = str(body.get("model", ""))
        self.came = time.monotonic()
        self.ended: float | None = None
        self.aborted = False  # the client hung up before the reply was whole; ``ended`` says when that was seen

    def summary(self) -> dict[str, Any]:
        """Without the body: ``about`` is the beginning of the first user message."""
        users = [m for m in self.body.get("messages") or () if m.get("role") == "user"]
        about = str(users[0].get("content") or "")[:120] if users else ""
        return {
            "number": self.number,
            "model": self.model,
            "about": about,
            "came": self.came,
            "ended": self.ended,
            "aborted": self.aborted,
        }


class ModelServer:
    """Serves on 127.0.0.1. ``script``: request body to Reply, or replies in order (a request too many gets a 400).

    ``keep`` is how many requests it remembers (None: all). With a ``key``, a completion needs it as its bearer token.
    """

    def __init__(
        self,
        script: Script | Sequence[mr.Reply] | None = None,
        *,
        models: Iterable[str] = ("test-model",),
        port: int = 0,
        keep: int | None = None,
        key: str = "",
    ) -> None:
        self._script = _in_order(script) if isinstance(script, Sequence) else (script or named())
        self._models = tuple(models)
        self._port = port
        self._key = key
        self._ticker = Ticker()
        self._runner: web.AppRunner | None = None
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self._closing = False
        self.requests: deque[Heard] = deque(maxlen=keep)
        self.open: set[Heard] = set()
        self.count = 0
        self.aborts = 0

    async def __aenter__(self) -> ModelServer:
        app = web.Application(client_max_size=LARGEST)
        app.router.add_post("/v1/chat/completions", self._completions)
        app.router.add_get("/v1/models", self._list)
        app.router.add_get("/__requests", self._report)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._ticker.close()
        assert self._runner is not None
        await self._runner.cleanup()

    # --- what a test asks ----------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        """What a model member's address must be."""
        return f"{self.url}/v1"

    @property
    def words(self) -> int:
        """Words said at a rate so far, in all streams."""
        return self._ticker.words

    @property
    def aborted(self) -> list[Heard]:
        """Requests whose client hung up before the reply was whole, and which are still remembered."""
        return [heard for heard in self.requests if heard.aborted]

    async def until(self, holds: Callable[[], object], timeout: float = 5.0) -> None:
        """Waits until ``holds()`` is true; looks again whenever a request comes or ends. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    # --- what a client asks --------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.Response:
        models = [{"id": name, "object": "model", "created": mr.CREATED, "owned_by": "tests"} for name in self._models]
        return web.json_response({"object": "list", "data": models})

    async def _report(self, request: web.Request) -> web.Response:
        limit = int(request.query.get("limit", "1000"))
        latest = list(self.requests)[-limit:] if limit else []
        whole = request.query.get("bodies") == "1"
        return web.json_response(
            {
                "count": self.count,
                "open": len(self.open),
                "aborted": self.aborts,
                "words": self.words,
                "now": time.monotonic(),
                "requests": [heard.summary() | ({"body": heard.body} if whole else {}) for heard in latest],
            }
        )

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
        except json.JSONDecodeError as error:
            return _plain(mr.refuses(400, f"The body is not JSON: {error}"))
        peer = str(request.transport and request.transport.get_extra_info("peername"))
        heard = Heard(next(self._numbers), peer, request.path, dict(request.headers), body)
        self.requests.append(heard)
        self.open.add(heard)
        self.count += 1
        self._changed.set()
        try:
            admitted = not self._key or request.headers.get("Authorization") == f"Bearer {self._key}"
            reply = self._script(body) if admitted else mr.refuses(401, "Incorrect API key provided.")
            return await self._answer(request, body, reply)
        except (asyncio.CancelledError, ConnectionError):
            if not self._closing:  # the client hung up
                heard.aborted = True
                self.aborts += 1
            raise
        finally:
            heard.ended = time.monotonic()
            self.open.discard(heard)
            self._changed.set()

    async def _answer(self, request: web.Request, body: dict[str, Any], reply: mr.Reply) -> web.StreamResponse:
        if reply.wait:
            await asyncio.sleep(reply.wait)
        if reply.body is not None:
            return _plain(reply)
        if not body.get("stream"):
            return web.json_response(mr.whole(str(body.get("model")), reply, body), headers=reply.headers)
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", **reply.headers}
        response = web.StreamResponse(status=reply.status, headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        assert request.transport is not None
        whole = await _Stream(request.transport, self._ticker, body, reply).run()
        if whole:
            await response.write_eof()
        return response


class _Stream:
    """One streamed reply on its way."""

    def __init__(
        self, transport: asyncio.WriteTransport, ticker: Ticker, body: dict[str, Any], reply: mr.Reply
    ) -> None:
        self._transport = transport
        self._ticker = ticker
        self._body = body
        self._reply = reply
        self._model = str(body.get("model"))
        self._said = 0
        self._calls = 0

    async def run(self) -> bool:
        """Sends everything; False when the script cut the connection."""
        if self._reply.end:
            self._send(mr.event(mr.chunk(self._model, {"role": "assistant", "content": ""})))
        for piece in self._reply.pieces:
            if isinstance(piece, mr.Cut):
                await self._drained(0)
                self._transport.abort()
                return False
            await self._piece(piece)
            await self._drained(256 * 1024)
        if self._reply.end:
            self._end()
        await self._drained(0)
        return True

    async def _piece(self, piece: mr.Piece) -> None:
        match piece:
            case mr.Text():
                await self._words(piece)
            case mr.Call():
                number, self._calls = self._calls, self._calls + 1
                turn = sum(message.get("role") == "assistant" for message in self._body.get("messages") or ())
                call_id = piece.id or f"functions.{piece.name}:{turn}{number:03d}"
                self._send(b"".join(mr.call_events(self._model, piece, number, call_id)))
            case mr.Pause():
                await asyncio.sleep(piece.seconds)
            case mr.Chunk():
                self._send(mr.event(piece.data))
            case mr.Raw():
                self._send(piece.data)
            case mr.Finish():
                self._send(mr.event(mr.chunk(self._model, {}, piece.reason)))
            case mr.Spent():
                self._usage(piece.usage)

    async def _words(self, piece: mr.Text) -> None:
        said = mr.words(piece.text)
        self._said += len(said)
        events = [mr.word_event(self._model, piece.field, word) for word in said]
        if piece.rate <= 0:
            self._send(b"".join(events))
            return
        frames = [_framed(one) for one in events]
        await self._ticker.play(self._transport, itertools.cycle(frames) if piece.forever else frames, piece.rate)

    def _end(self) -> None:
        kinds = {type(piece) for piece in self._reply.pieces}
        if mr.Finish not in kinds:
            self._send(mr.event(mr.chunk(self._model, {}, "tool_calls" if self._calls else "stop")))
        if mr.Spent not in kinds and (self._body.get("stream_options") or {}).get("include_usage"):
            self._usage(mr.usage_of(self._body, self._said))
        self._send(DONE)

    def _usage(self, usage: dict[str, Any]) -> None:
        self._send(mr.event({**mr.chunk(self._model, {}), "choices": [], "usage": usage}))

    def _send(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("the client hung up")
        if data:
            self._transport.write(_framed(data))

    async def _drained(self, limit: int) -> None:
        # a transport written to directly tells nobody when it has drained
        while self._transport.get_write_buffer_size() > limit and not self._transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def _framed(data: bytes) -> bytes:
    """One chunk of HTTP's chunked encoding; written to the transport itself, which is what makes it cheap."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _plain(reply: mr.Reply) -> web.Response:
    headers = {"Content-Type": "text/plain; charset=utf-8"} | reply.headers
    return web.Response(status=reply.status, headers=headers, body=reply.body)


def _in_order(replies: Sequence[mr.Reply]) -> Script:
    left = deque(replies)
    return lambda body: left.popleft() if left else mr.refuses(400, "The script has no more replies.")


async def _serve(port: int, rate: float, key: str) -> None:
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    async with ModelServer(named(rate), models=OFFERED, port=port, keep=2_000, key=key) as server:
        print(json.dumps({"url": server.url, "base_url": server.base_url, "pid": os.getpid()}), flush=True)  # noqa: T201
        await asked.wait()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="clawgroups.testing.model_server", description="A model server for tests.")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--key", default="", help="the key that a completion needs")
    parser.add_argument("--rate", type=float, default=30.0, help="words a second of every stream; 0: all at once")
    arguments = parser.parse_args()
    uvloop.run(_serve(arguments.port, arguments.rate, arguments.key))


if __name__ == "__main__":
    main()
