"""Has a SQLite ledger written by a process of its own, and brings a scribe back that was killed.

The scribe is only hands: what was acknowledged is in the file. A batch whose answer never came is looked for by its
proof, and written again only if it is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect

from clawgroups.errors import LedgerStopped
from clawgroups.ledger.batches import TAKEN_OVER, Batch
from clawgroups.ledger.scribe import FENCED, frame

log = logging.getLogger("clawgroups.ledger")
PIPE = 4 * 1024 * 1024  # bytes read ahead; an answer is small
CLOSE_S = 10.0
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
_KINDS: tuple[type[Exception], ...] = (
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError),
    *(sqlite3.NotSupportedError, sqlite3.InternalError, sqlite3.OperationalError, sqlite3.DatabaseError),
    *(OverflowError, TypeError, ValueError, MemoryError),
)
_Gone = (asyncio.IncompleteReadError, ConnectionError)


class ScribeStore:
    """One file. The first scribe is started by ``start``, so that it gets ready while the file is looked at."""

    def __init__(self, path: Path) -> None:
        self.dialect: Dialect = sqlite.dialect(paramstyle="qmark")
        self._path = path
        self._process: asyncio.subprocess.Process | None = None
        self._last: asyncio.Future[None] | None = None

    @property
    def pid(self) -> int | None:
        """The scribe's process id while there is one."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Starts a scribe; it opens the file with the first batch."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "clawgroups.ledger.scribe", str(self._path),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=PIPE,
        )  # fmt: skip

    def write(self, batch: Batch) -> Awaitable[None]:
        """See Store. Raises nothing itself; what no scribe can be told comes with the answer, as all errors do."""
        loop = asyncio.get_running_loop()
        try:
            asked = frame({"fence": batch.fence, "statements": batch.statements})
        except Exception as error:
            refused: asyncio.Future[None] = loop.create_future()
            refused.set_exception(error)
            return refused
        self._send(asked)
        self._last = loop.create_task(self._answer(asked, batch), name="ledger-scribe")
        return self._last

    def _send(self, asked: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, RuntimeError):  # uvloop's, for one that is gone: the missing answer tells
                self._process.stdin.write(asked)

    async def _answer(self, asked: bytes, batch: Batch) -> None:
        try:
            await self._hear()
        except _Gone:
            await self._again(asked, batch)

    async def _again(self, asked: bytes, batch: Batch) -> None:
        """The scribe has died over a batch, or before it."""
        log.warning("the ledger's scribe has ended and is started again", extra={"action": "scribe_restarted"})
        await self._end()
        await self.start()
        try:
            self._send(frame({"ask": batch.proof}))
            if not await self._hear():
                self._send(asked)
                await self._hear()
        except _Gone as error:
            raise LedgerStopped("The process that writes the ledger ended twice over the same batch.") from error

    async def _hear(self) -> list[Any]:
        """The rows that were answered. Raises what the database raised, or that the scribe is gone."""
        if self._process is None or self._process.stdout is None:
            raise ConnectionError
        source = self._process.stdout
        head = await source.readexactly(4)
        said = _decode(await source.readexactly(int.from_bytes(head, "little")))
        if "error" in said:
            raise _error_of(*said["error"])
        rows: list[Any] = said["rows"]
        return rows

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), CLOSE_S)
        except TimeoutError:
            log.error("the ledger's scribe does not end and is killed", extra={"action": "scribe_killed"})
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if process.stdin is not None:
            with contextlib.suppress(
                OSError, RuntimeError
            ):  # what it was told last and never read is told to the next one
                await process.stdin.wait_closed()

    async def close(self) -> None:
        """See Store."""
        if self._last is not None:
            await asyncio.wait({self._last}, timeout=CLOSE_S)
            self._last.cancel()
            await asyncio.gather(self._last, return_exceptions=True)
        await self._end()


def _error_of(name: str, text: str) -> Exception:
    """The scribe's error, as its class here."""
    if name == FENCED:
        return LedgerStopped(TAKEN_OVER)
    return next((kind for kind in _KINDS if kind.__name__ == name), RuntimeError)(text)
