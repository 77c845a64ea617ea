"""Keeps the search up with the record, behind the commits: in small batches, and slowly while others write.

Its place is in the database, moved in the same transaction as what it has taken in; so a kill loses nothing, and what
was written meanwhile is caught up with at the next start.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import Any

from sqlalchemy import Connection

from clawgroups.errors import LedgerError
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.search_index import Progress, advance, prepare

log = logging.getLogger("clawgroups.search")
QUIET_S = 0.25  # without a commit for so long the writer counts as idle
SHARE, LEAST_SHARE = 1 / 10, 1 / 100  # of the writer's time while it does not, and while it is in full use
FULL_USE = 1_500  # events a second
TARGET_S = 0.015  # how long one batch should hold the writer up at most
LEAST, MOST = 16, 1_000  # events in a batch
GATHER_S = 0.3  # what is committed within it is taken in together
AGAIN_S = 5.0  # after a failure
NO_WORDS = "This server's SQLite has no full-text search (FTS5): words cannot be searched here, filters can."


class Indexer:
    """One per dispatcher. ``progress`` is as of the last batch; ``words``: whether words can be searched."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._wake = asyncio.Event()
        self._committed_at = 0.0
        self._batch = LEAST * 4
        self.words = False
        self.progress = Progress(0, 0)
        self.problem = ""

    async def prepare(self) -> None:
        """Makes the index where there is none. Raises LedgerStopped."""
        self.words = await self._ledger.writer.beside(prepare)
        self._wake.set()

    def hear(self) -> None:
        """Something was committed."""
        self._committed_at = time.monotonic()
        self._wake.set()

    def status(self) -> dict[str, Any]:
        """For people: whether words can be searched, and how many events are not in the index yet."""
        return {
            "words": self.words,
            "behind": self.progress.behind,
            "problem": self.problem or ("" if self.words else NO_WORDS),
        }

    async def run(self) -> None:
        """Takes in what is committed, until the ledger has stopped or this is cancelled."""
        failed = 0
        while not self._ledger.writer.stopped:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._catch_up()
                self.problem = ""
                failed = 0
            except LedgerError as error:  # once may be a moment in which others wrote without a pause
                failed += 1
                level = logging.ERROR if failed > 1 else logging.INFO
                log.log(level, "the search stands still: %s", error, extra={"action": "search_failed"})
                self.problem = f"The search stands still: {error.sentence}" if failed > 1 else ""
                await asyncio.sleep(AGAIN_S)
                self._wake.set()

    async def _catch_up(self) -> None:
        last, at = self.progress.last, time.monotonic()
        await asyncio.sleep(GATHER_S)
        while True:
            taken = await self._take()
            if self.progress.behind <= 0:
                return
            now = time.monotonic()
            share = LEAST_SHARE if self.progress.last - last > FULL_USE * (now - at) else SHARE
            last, at = self.progress.last, now
            quiet = now - self._committed_at > QUIET_S
            await asyncio.sleep(taken / 2 if quiet else min(2.0, taken / share))  # others are served meanwhile

    async def _take(self) -> float:
        """One batch; how long it held the writer up, the wait for its turn left aside."""
        self.progress, taken = await self._ledger.writer.beside(partial(_timed, limit=self._batch, words=self.words))
        factor = 2.0 if taken < TARGET_S / 2 else 0.5 if taken > TARGET_S else 1.0
        self._batch = max(LEAST, min(MOST, int(self._batch * factor)))
        return taken


def _timed(connection: Connection, *, limit: int, words: bool) -> tuple[Progress, float]:
    began = time.perf_counter()
    progress = advance(connection, limit, words=words)
    return progress, time.perf_counter() - began
