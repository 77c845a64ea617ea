"""The two ends of one answer: the engine puts events in, the consumer takes them out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from backend.engine.request import Event, Finish, Request
from backend.engine.sequence import Sequence
from backend.errors import RequestRefused


class Channel:
    """The engine's end. It does not know the consumer's, so that a consumer who went away is noticed."""

    def __init__(self, request: Request, arrived: float) -> None:
        self.request = request
        self.sequence: Sequence | None = None
        """None while its grammar is being compiled. The engine's thread sets it."""
        self.closed = False
        """Whether its last event has been sent. The engine's thread closes it."""
        self.arrived = arrived
        self.entered: float | None = None
        """When it first ran."""
        self.last_token: float | None = None
        """When its newest token was chosen."""
        self.events: deque[Event | RequestRefused] = deque()
        """For the consumer. Never longer than the answer is."""
        self.filled = asyncio.Event()

    def close(self) -> None:
        """Its last event has been sent. What takes much memory goes, however long somebody may still hold this."""
        self.closed = True
        self.sequence = None
        self.request = replace(self.request, images=())

    def put(self, event: Event | RequestRefused) -> None:
        """For the consumer; on its loop."""
        self.events.append(event)
        self.filled.set()


class Stream(AsyncIterator[Event]):
    """The consumer's end: ``Prefilled``, then ``Token`` after ``Token``, then ``Finish``, which is the last.

    Raises RequestRefused instead of the first event for a grammar that cannot be used. One consumer only. A stream
    that is let go of before its end cancels the request.
    """

    def __init__(self, channel: Channel, cancel: Callable[[Channel], None], abandon: Callable[[Channel], None]) -> None:
        self._channel = channel
        self._cancel = cancel
        self._abandon = abandon
        self._ended = False

    async def __anext__(self) -> Event:
        if self._ended:
            raise StopAsyncIteration
        while not self._channel.events:
            self._channel.filled.clear()
            await self._channel.filled.wait()
        event = self._channel.events.popleft()
        self._ended = isinstance(event, Finish | RequestRefused)
        if isinstance(event, RequestRefused):
            raise event
        return event

    def cancel(self) -> None:
        """Give the request up, within one step; ``Finish("abort")`` follows unless it has ended. May be said again."""
        if not self._ended:
            self._cancel(self._channel)

    async def aclose(self) -> None:
        """Give it up, and take nothing more."""
        self.cancel()
        self._ended = True
        self._channel.events.clear()

    def __del__(self) -> None:
        if not self._ended:
            self._abandon(self._channel)
