"""A common start: the clock of a peer begins when all its agents are ready, so that starting them is not measured."""

from __future__ import annotations

import asyncio
import time


class Gate:
    """Opens when ``parties`` have come. ``opened`` is when that was (``time.perf_counter``)."""

    def __init__(self, parties: int) -> None:
        self._missing = parties
        self._open = asyncio.Event()
        self.opened = 0.0

    async def come(self) -> None:
        """Waits for all others."""
        self._missing -= 1
        if self._missing == 0:
            self.opened = time.perf_counter()
            self._open.set()
        await self._open.wait()
