"""Gathers live text of all seats into one frame every 50 ms. What cannot be sent at once is dropped, not queued."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from clawgroups.link.messages import Delta, Deltas

GATHER_S = 0.05
MOST_CHARS = 400_000  # of one frame


class LiveDeltas:
    """Pieces in, one frame out."""

    def __init__(self, send: Callable[[Deltas], None]) -> None:
        self._send = send
        self._pieces: dict[tuple[str, int, str], list[str]] = {}
        self._tokens: dict[tuple[str, int, str], int] = {}

    def add(self, agent: str, epoch: int, kind: str, text: str) -> None:
        """One piece of live text; about one token."""
        key = (agent, epoch, kind)
        pieces = self._pieces.get(key)
        if pieces is None:
            self._pieces[key] = [text]
            self._tokens[key] = 1
        else:
            pieces.append(text)
            self._tokens[key] += 1

    def tool(self, agent: str, epoch: int, name: str) -> None:
        """A tool started; empty when none runs any more."""
        key = (agent, epoch, "tool")
        self._pieces[key] = [name]
        self._tokens[key] = 0

    def forget(self, agent: str, epoch: int) -> None:
        """The turn is on its way as a whole; its last pieces must not come after it and look like the next one."""
        for kind in ("text", "reasoning", "call"):
            self._pieces.pop((agent, epoch, kind), None)
            self._tokens.pop((agent, epoch, kind), None)

    async def run(self) -> None:
        """Sends for ever."""
        while True:
            await asyncio.sleep(GATHER_S)
            if self._pieces:
                self.flush()

    def flush(self) -> None:
        """Sends what was gathered."""
        items, room = [], MOST_CHARS
        for (agent, epoch, kind), pieces in self._pieces.items():
            text = "".join(pieces)
            room -= len(text)
            items.append(Delta(agent, epoch, kind, text if room > 0 else "", self._tokens[agent, epoch, kind]))
        self._pieces.clear()
        self._tokens.clear()
        self._send(Deltas(tuple(items)))
