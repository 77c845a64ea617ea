"""Opens a ledger: checks the database, migrates it, claims it for this process, and makes reader and writer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from clawgroups.errors import LedgerError, LedgerStopped
from clawgroups.ids import new_token, now_ms
from clawgroups.ledger import migrate, postgres, sqlite_file
from clawgroups.ledger import tables as t
from clawgroups.ledger.accounts import AccountTables
from clawgroups.ledger.batches import ConnectionStore, Store
from clawgroups.ledger.faults import fault_of, opening_fault
from clawgroups.ledger.reader import Reader
from clawgroups.ledger.scribe_store import ScribeStore
from clawgroups.ledger.settings_table import SettingsTable
from clawgroups.ledger.transactions import AsyncTransactions, ThreadTransactions, Transactions
from clawgroups.ledger.writer import Writer

log = logging.getLogger("clawgroups.ledger")


class Ledger:
    """An open database. Make one with ``open``; ``close`` gives it up."""

    def __init__(self, writer: Writer, reader: Reader, held: contextlib.AsyncExitStack) -> None:
        self.writer = writer
        self.reader = reader
        self.accounts = AccountTables(writer, reader)
        self.settings = SettingsTable(writer, reader)
        self._held = held

    @classmethod
    async def open(cls, url: str) -> Ledger:
        """Opens, migrates and claims the database at ``url``.

        Raises LedgerBusy (another server has it), LedgerTooNew, LedgerStopped (damaged, unreachable), or LedgerError
        for a URL that cannot be used.
        """
        parsed = _parse(url)
        open_it = _open_sqlite if parsed.get_backend_name() == "sqlite" else _open_postgres
        async with contextlib.AsyncExitStack() as held:
            try:
                store, transactions, engine = await open_it(parsed, held)
                writer = Writer(store, transactions, new_token())
                await transactions.run(partial(_claim, token=writer.token))
            except Exception as error:
                raise opening_fault(error) from error
            return cls(writer, Reader(engine), held.pop_all())

    async def close(self) -> None:
        """Gives the database up; what was committed is safe whether this is called or not."""
        await self._held.aclose()


def _parse(url: str) -> URL:
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their words would show the password
        parsed = URL.create("none")
    if parsed.get_backend_name() not in drivers:
        raise LedgerError(
            "This database address cannot be used.",
            hint="Use sqlite:////path/to/clawgroups.db or postgresql://user@host/database.",
        )
    return parsed.set(drivername=drivers[parsed.get_backend_name()])


async def _open_sqlite(url: URL, held: contextlib.AsyncExitStack) -> tuple[Store, Transactions, AsyncEngine]:
    path = sqlite_file.path_of(url)
    held.enter_context(sqlite_file.lock(path))
    store = ScribeStore(path)
    held.push_async_callback(store.close)
    await store.start()
    await asyncio.to_thread(sqlite_file.check, path)
    present = await asyncio.to_thread(sqlite_file.look, path, migrate.check)
    copy = None
    if present is not None and present != migrate.head():
        copy = await asyncio.to_thread(migrate.backup, path, present)
    transactions = ThreadTransactions(sqlite_file.writing(path))
    held.push_async_callback(transactions.close)
    await _upgrade(transactions, present, copy)
    reading = sqlite_file.reading(path)
    held.push_async_callback(reading.dispose)
    return store, transactions, reading


async def _open_postgres(url: URL, held: contextlib.AsyncExitStack) -> tuple[Store, Transactions, AsyncEngine]:
    unhurried = await held.enter_async_context(postgres.locked(url))
    await _upgrade(unhurried, await unhurried.run(migrate.check))
    transactions = AsyncTransactions(postgres.writing(url))
    held.push_async_callback(transactions.close)
    reading = postgres.reading(url)
    held.push_async_callback(reading.dispose)
    return ConnectionStore(transactions), transactions, reading


async def _upgrade(transactions: Transactions, present: str | None, copy: Path | None = None) -> None:
    """In one transaction, on SQLite too: an upgrade that fails leaves everything as it was."""
    if present == migrate.head():
        return
    if present is not None:
        log.info("upgrading the database from %s to %s", present, migrate.head(), extra={"action": "upgrade"})
    try:
        await transactions.run(migrate.upgrade)
    except Exception as error:
        what = (
            f"upgrade of the database from {present} to {migrate.head()}" if present else "setting up of the database"
        )
        backup = f" A backup made before it is {copy.name} in the same folder." if copy else ""
        raise LedgerStopped(
            f"The {what} failed, and the database is as it was: {fault_of(error).sentence}",
            hint=f"Mend the cause and start again, or go on with the version you had.{backup}",
        ) from error


def _claim(connection: Connection, token: str) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"id": 1, "token": token, "host": socket.gethostname(), "pid": os.getpid(), "beat_at": now_ms()}
    connection.execute(insert(t.owner).values(row).on_conflict_do_update(index_elements=["id"], set_=row))
