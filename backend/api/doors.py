"""What every request passes on its way in: the key, the limit of its size, and the room for all bodies together."""

from __future__ import annotations

import asyncio
import secrets

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api import faults
from backend.api.room import BODY_BYTES, Room
from backend.errors import RequestRefused

LARGEST_BODY = 256 * 2**20  # bytes; a long conversation with some images has a tenth
UNCOUNTED = 2**14
"""Bytes at the beginning of a body that take no room: as much as a socket holds, and enough to abort a request by."""
STALLED_S = 60.0
"""After so many seconds without a byte nobody waits for the rest of a body."""
OPEN = ("/health", "/ready", "/metrics")
"""How paths begin that need no key, by design: what watches the server has none.

SGLang leaves the same ones open by their beginnings, ``/health_generate`` too (``utils/auth.py`` of 0.5.23).
"""


class Doors:
    """An ASGI application before another. ``api_key`` "" lets everybody in.

    A body takes room until its request has been answered: that long its words and images are kept.
    """

    def __init__(
        self, app: ASGIApp, *, api_key: str, largest_body: int = LARGEST_BODY, room: Room | None = None
    ) -> None:
        self._app = app
        self._room = room or Room(BODY_BYTES, "The bodies")
        self._key = api_key.encode()
        self._largest = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        refusal = self._refusal(scope["path"], headers)
        if refusal is not None:
            await faults.response(scope["path"], str(refusal), refusal.status)(scope, receive, send)
            return
        counted = _Counted(receive, self._largest, self._room)
        try:
            await self._app(scope, counted.receive, send)
        finally:
            self._room.give(counted.held)

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> RequestRefused | None:
        if self._key and not path.startswith(OPEN) and not self._knows(headers):
            return faults.Unauthorized("Unauthorized: this server wants its key.", "Send Authorization: Bearer KEY.")
        length = headers.get(b"content-length", b"0")
        return _too_large(self._largest) if length.isdigit() and int(length) > self._largest else None

    def _knows(self, headers: dict[bytes, bytes]) -> bool:
        scheme, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        given = bearer.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        return secrets.compare_digest(given, self._key)


class _Counted:
    """A body is counted as it comes, whatever its length is said to be; ``held`` is what it takes of the room."""

    def __init__(self, receive: Receive, largest: int, room: Room) -> None:
        self._receive = receive
        self._largest = largest
        self._room = room
        self._seen = 0
        self._whole = False
        self.held = 0

    async def receive(self) -> Message:
        try:
            return await self._next()
        except RequestRefused as refusal:  # FastAPI lets none but HTTPException through a body's reading
            raise HTTPException(refusal.status, str(refusal)) from refusal

    async def _next(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(STALLED_S):
                message = await self._receive()
        except TimeoutError as late:
            raise faults.SentTooSlowly(
                f"Nothing more of the body came within {STALLED_S:g} s.", "Send it in one go."
            ) from late
        self._whole = not message.get("more_body", False)
        self._seen += len(message.get("body", b""))
        if self._seen > self._largest:
            raise _too_large(self._largest)
        more = max(0, self._seen - UNCOUNTED) - self.held
        self._room.take(more)
        self.held += more
        return message


def _too_large(largest: int) -> faults.TooLarge:
    return faults.TooLarge(f"The body is larger than {largest // 2**20} MiB.", "Send less, or smaller images.")
