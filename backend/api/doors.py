"""What every request passes on its way in: the limit of its size, and the key."""

from __future__ import annotations

import secrets

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api import faults
from backend.errors import RequestRefused

LARGEST_BODY = 256 * 2**20  # bytes; a long conversation with some images has a tenth
OPEN = ("/health", "/ready", "/metrics")
"""Paths that need no key, by design: what watches the server has none."""


class Doors:
    """An ASGI application before another. ``api_key`` "" lets everybody in."""

    def __init__(self, app: ASGIApp, *, api_key: str, largest_body: int = LARGEST_BODY) -> None:
        self._app = app
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
        await self._app(scope, _Counted(receive, self._largest).receive, send)

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
    """A body without a length is counted as it comes."""

    def __init__(self, receive: Receive, largest: int) -> None:
        self._receive = receive
        self._largest = largest
        self._seen = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._largest:
            refusal = _too_large(self._largest)
            raise HTTPException(refusal.status, str(refusal))  # FastAPI lets none but these through a body's reading
        return message


def _too_large(largest: int) -> faults.TooLarge:
    return faults.TooLarge(f"The body is larger than {largest // 2**20} MiB.", "Send less, or smaller images.")
