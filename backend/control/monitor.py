"""Looks after an engine's figures: reads its metrics every two seconds and keeps them over time."""

from __future__ import annotations

import asyncio
import logging
import time

import httpx

from backend.control.gpus import read_gpus
from backend.control.history import FINE_S, History
from backend.control.scrape import LARGEST_TEXT, figures, totals
from backend.control.shapes import Gpu
from backend.control.subject import Subject

log = logging.getLogger("backend.control")
WAIT_S = 10.0
GPUS_EVERY_S = 5.0


class Monitor:
    """One per control. What cannot be read now leaves a gap in the history, and is said once in the log."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._failing = ""
        self.history = History()
        self.gpus: list[Gpu] = []

    async def run(self) -> None:
        """Looks for ever."""
        async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as client:
            await asyncio.gather(self._figures(client), self._watch_gpus())

    async def _figures(self, client: httpx.AsyncClient) -> None:
        while True:
            began = time.monotonic()
            url = self._subject.metrics_url
            if url:
                await self.look(client, url)
            await asyncio.sleep(max(0.1, FINE_S - (time.monotonic() - began)))

    async def look(self, client: httpx.AsyncClient, url: str) -> None:
        """Reads the figures once."""
        try:
            text = await _read(client, url)
            read = figures(totals(text), time.time(), self.history.last)
        except (httpx.HTTPError, ValueError, OverflowError) as error:  # a gauge may be NaN or infinite
            words = f"{type(error).__name__}: {error}"
            if words != self._failing:
                log.warning("the engine's figures cannot be read: %s", words)
            self._failing = words
            return
        self._failing = ""
        self.history.put(read)

    async def _watch_gpus(self) -> None:
        while True:
            self.gpus = await read_gpus()
            await asyncio.sleep(GPUS_EVERY_S)


async def _read(client: httpx.AsyncClient, url: str) -> str:
    """The text at ``url``. Raises httpx.HTTPError, ValueError for one that is too long."""
    body = bytearray()
    async with client.stream("GET", url) as reply:
        reply.raise_for_status()
        async for part in reply.aiter_bytes():
            body += part
            if len(body) > LARGEST_TEXT:
                raise ValueError(f"more than {LARGEST_TEXT} bytes of metrics")
    return body.decode()
