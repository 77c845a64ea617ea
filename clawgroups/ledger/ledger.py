"""Opens a ledger: checks the database, migrates it, claims it for this process, and makes reader and writer."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import sqlite3
from pathlib import Path
from typing import IO, Any

from sqlalchemy import event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from clawgroups.errors import LedgerBusy, LedgerError, LedgerStopped
from clawgroups.ids import new_token, now_ms
from clawgroups.ledger import migrate
from clawgroups.ledger import tables as t
from clawgroups.ledger.faults import fault_of
from clawgroups.ledger.reader import Reader
from clawgroups.ledger.writer import Writer

ADVISORY_LOCK = 0x636C6177  # "claw": one server per PostgreSQL database


class Ledger:
    """An open database. Make one with ``open``; ``close`` gives it up."""

    def __init__(self, engine: AsyncEngine, read_engine: AsyncEngine, token: str) -> None:
        self.engine = engine
        self.writer = Writer(engine, token)
        self.reader = Reader(read_engine)
        self._read_engine = read_engine
        self._lock_file: IO[str] | None = None
        self._lock_connection: AsyncConnection | None = None

    @classmethod
    async def open(cls, url: str) -> Ledger:
        """Opens, migrates and claims the database at ``url``.

        Raises LedgerBusy (another server has it), LedgerTooNew, or LedgerStopped (damaged, unreachable).
        """
        path = _sqlite_path(url)
        lock_file = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock_file = _lock(path)
            await asyncio.to_thread(_check_file, path)
        engine, read_engine = _engine(url, writing=True), _engine(url, writing=False)
        ledger = cls(engine, read_engine, new_token())
        ledger._lock_file = lock_file
        try:
            await ledger._claim_postgres(url)
            await ledger._migrate(path)
            await ledger._claim()
        except Exception as error:
            await ledger.close()
            raise error if isinstance(error, LedgerError) else fault_of(error) from error
        return ledger

    async def close(self) -> None:
        """Gives the database up; what was committed is safe whether this is called or not."""
        if self._lock_connection is not None:
            with contextlib.suppress(Exception):  # a lost connection has given up its lock already
                await self._lock_connection.close()
        await self.engine.dispose()
        await self._read_engine.dispose()
        if self._lock_file is not None:
            self._lock_file.close()

    async def _migrate(self, path: Path | None) -> None:
        async with self.engine.connect() as connection:
            present = await connection.run_sync(migrate.check)
        if present == migrate.head():
            return
        if path is not None and present is not None:
            await asyncio.to_thread(migrate.backup, path, present)
        async with self.engine.begin() as connection:
            await connection.run_sync(migrate.upgrade)

    async def _claim(self) -> None:
        insert = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        row = {
            "id": 1,
            "token": self.writer.token,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "beat_at": now_ms(),
        }
        claim = insert(t.owner).values(row).on_conflict_do_update(index_elements=["id"], set_=row)
        async with self.engine.begin() as connection:
            await connection.execute(claim)

    async def _claim_postgres(self, url: str) -> None:
        if _sqlite_path(url) is not None:
            return
        self._lock_connection = await self.engine.connect()
        locked = await self._lock_connection.scalar(text(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})"))
        await self._lock_connection.commit()
        if not locked:
            raise LedgerBusy()


def _sqlite_path(url: str) -> Path | None:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise LedgerError("The ledger needs a file: an in-memory database would lose everything.")
    return Path(parsed.database)


def _lock(path: Path) -> IO[str]:
    """An OS lock beside the file: it is gone with its process, so that a killed server is replaced at once."""
    file = path.with_name(path.name + ".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise LedgerBusy() from error
    return file


def _check_file(path: Path) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        connection = sqlite3.connect(path)
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise LedgerStopped(
            f"The database file {path.name} is damaged or not a database ({error}).",
            hint="Restore a backup (files named .backup-... beside it), or start with another --home.",
        ) from error
    if found and found[0] != "ok":
        raise LedgerStopped(
            f"The database file {path.name} is damaged: {found[0]}.",
            hint="Restore a backup (files named .backup-... beside it), or start with another --home.",
        )


def _engine(url: str, *, writing: bool) -> AsyncEngine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(parsed, pool_size=2 if writing else 4, max_overflow=2, pool_pre_ping=not writing)
    engine = create_async_engine(parsed, pool_size=1 if writing else 4, max_overflow=0)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    if writing:
        event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # the transaction is begun by _begin_immediate, not by the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "cache_size=-16000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
