"""What one commit writes, as plain SQL and plain values, and who carries it out: a connection, or another process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.engine import Dialect

from clawgroups.errors import LedgerStopped
from clawgroups.ledger.transactions import Transactions

TAKEN_OVER = "Another server has taken this database over."
Sql = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Batch:
    """One transaction.

    ``fence`` must change exactly one row, or the database is somebody else's; ``proof`` finds a row if, and only if,
    the batch has been committed.
    """

    fence: Sql
    statements: Sequence[tuple[str, Sequence[tuple[Any, ...]]]]
    proof: Sql


class Store(Protocol):
    """Carries batches out, one at a time and in order."""

    dialect: Dialect

    def write(self, batch: Batch) -> Awaitable[None]:
        """Begins at once, before it is awaited. Awaiting it raises what the database raised; then nothing was done."""
        ...

    async def close(self) -> None:
        """Waits for the batch under way, and lets go of the database."""
        ...


class ConnectionStore:
    """Over a connection of this process."""

    def __init__(self, transactions: Transactions) -> None:
        self.dialect: Dialect = transactions.dialect
        self._transactions = transactions

    def write(self, batch: Batch) -> Awaitable[None]:
        """See Store."""
        return asyncio.ensure_future(self._transactions.run(lambda connection: _carry_out(connection, batch)))

    async def close(self) -> None:
        """Closes the connection."""
        await self._transactions.close()


def check_fence(connection: Connection, fence: Sql) -> None:
    """Raises LedgerStopped when the database is another server's now."""
    if connection.exec_driver_sql(*fence).rowcount != 1:
        raise LedgerStopped(TAKEN_OVER)


def _carry_out(connection: Connection, batch: Batch) -> None:
    check_fence(connection, batch.fence)
    for text, rows in batch.statements:
        if len(rows) == 1:
            connection.exec_driver_sql(text, rows[0])
        else:
            connection.exec_driver_sql(text, list(rows))
