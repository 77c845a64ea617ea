"""The seam under the link: something that carries text frames both ways, and its form in memory."""

from __future__ import annotations

import asyncio
from typing import Protocol

from clawgroups.errors import LinkError


class LinkClosed(LinkError):
    """The connection is gone."""

    code = "link_closed"


class Transport(Protocol):
    """One connection. ``receive`` and ``send`` raise LinkClosed once it is gone."""

    async def send(self, text: str) -> None:
        """Sends one frame."""
        ...

    async def receive(self) -> str:
        """The next frame."""
        ...

    async def close(self) -> None:
        """Ends the connection; the peer sees LinkClosed."""
        ...


class MemoryTransport:
    """One end of a connection within the process; make both with ``pair``."""

    def __init__(self, inbox: asyncio.Queue[str | None], outbox: asyncio.Queue[str | None]) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._closed = False

    async def send(self, text: str) -> None:
        if self._closed:
            raise LinkClosed()
        self._outbox.put_nowait(text)

    async def receive(self) -> str:
        if self._closed:
            raise LinkClosed()
        text = await self._inbox.get()
        if text is None:
            self._closed = True
            raise LinkClosed()
        return text

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._outbox.put_nowait(None)
            self._inbox.put_nowait(None)


def pair() -> tuple[MemoryTransport, MemoryTransport]:
    """Two ends of one connection in memory."""
    there: asyncio.Queue[str | None] = asyncio.Queue()
    back: asyncio.Queue[str | None] = asyncio.Queue()
    return MemoryTransport(there, back), MemoryTransport(back, there)
