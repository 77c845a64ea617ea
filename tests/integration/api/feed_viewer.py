"""A viewer of the feed for tests: hears frames in order, keeps the state as a page does, and may stop reading."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 30.0
Json = dict[str, Any]


class FeedViewer:
    """``async with FeedViewer(api, group) as viewer``. ``small``: a receive buffer so small that it fills at once."""

    def __init__(self, api: str, group: str, *, small: bool = False, headers: dict[str, str] | None = None) -> None:
        self.url = f"ws{api.removeprefix('http')}/groups/{group}/feed"
        self._small = small
        self._headers = headers
        self._waiting: list[Json] = []
        self._connection: ClientConnection | None = None
        self.heard: list[Json] = []
        self.number = -1
        self.snapshots = 0
        self.tiles: dict[str, Json] = {}
        self.group: Json = {}
        self.requests: dict[str, Json] = {}
        self.text: dict[str, str] = {}

    async def __aenter__(self) -> FeedViewer:
        more: Json = {}
        if self._small:
            host, port = self.url.split("/")[2].split(":")
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            made.setblocking(False)
            await asyncio.get_running_loop().sock_connect(made, (host, int(port)))
            more = {"sock": made, "max_queue": 1}
        self._connection = await connect(
            self.url, additional_headers=self._headers, max_size=None, proxy=None, ping_interval=None, **more
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.close()

    @property
    def connection(self) -> ClientConnection:
        """The open websocket."""
        assert self._connection is not None
        return self._connection

    async def say(self, **message: Any) -> None:
        """Sends one message."""
        await self.connection.send(json.dumps(message))

    async def next(self) -> Json:
        """The next frame, applied to the state as a page would. Raises AssertionError on a gap in the numbers."""
        if not self._waiting:
            async with asyncio.timeout(PATIENCE_S):
                said = json.loads(await self.connection.recv())
            self._waiting = said if isinstance(said, list) else [said]
        frame = self._waiting.pop(0)
        self.heard.append(frame)
        self._apply(frame)
        return frame

    async def until(self, holds: Callable[[], Any]) -> None:
        """Reads until ``holds()`` is true."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.next()

    def state_of(self, agent: str) -> str:
        """A sub-agent's state as this viewer knows it; empty when it does not know it."""
        return str(self.tiles.get(agent, {}).get("state", ""))

    def _apply(self, frame: Json) -> None:
        if frame["t"] == "snapshot":
            self.snapshots += 1
            self.number, self.group = frame["n"], frame["group"]
            self.tiles = {tile["id"]: tile for tile in frame["tiles"]}
            self.requests = {request["id"]: request for request in frame["requests"]}
        elif frame["t"] == "batch":
            assert frame["n"] == self.number + 1, f"batch {frame['n']} came after {self.number}"
            self.number = frame["n"]
            self.group = frame.get("group", self.group)
            self.tiles |= {tile["id"]: tile for tile in frame.get("tiles", [])}
            told = frame.get("requests", {"opened": [], "closed": []})
            self.requests |= {request["id"]: request for request in [*told["opened"], *told.get("changed", [])]}
            for closed in told["closed"]:
                self.requests.pop(closed, None)
        elif frame["t"] == "text" and frame["kind"] == "text":
            before = "" if frame.get("reset") else self.text.get(frame["agent"], "")
            self.text[frame["agent"]] = before + frame["add"]
