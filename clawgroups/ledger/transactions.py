"""Runs transactions: on SQLite in one thread of their own, on PostgreSQL on an asyncio connection.

On PostgreSQL they are the commits too; on SQLite those go to the scribe, and here is what stands beside the record:
migrations, accounts, settings, the index of the search. Through an asyncio driver for SQLite each statement would cost
several hops between threads; in a thread that does nothing else the whole transaction costs one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


class Transactions(Protocol):
    """One transaction at a time: committed when ``run`` returns, rolled back when it raises."""

    dialect: Dialect

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` makes of a connection inside a transaction. Raises what ``work`` or the database raises."""
        ...

    async def close(self) -> None:
        """Gives the connection up."""
        ...


class ThreadTransactions:
    """For drivers that block: one thread, one connection."""

    def __init__(self, engine: Engine) -> None:
        self.dialect: Dialect = engine.dialect
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger-writer")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """See Transactions. A caller that is cancelled leaves the transaction to end by itself."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return work(connection)

    async def close(self) -> None:
        """Waits for the transaction under way."""
        await asyncio.to_thread(self._thread.shutdown, True)
        self._engine.dispose()


class AsyncTransactions:
    """For drivers of asyncio."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.dialect: Dialect = engine.dialect
        self._engine = engine

    async def run(self, work: Callable[[Connection], T]) -> T:
        """See Transactions."""
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Closes its connections."""
        await self._engine.dispose()
