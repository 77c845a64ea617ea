"""A ledger in PostgreSQL: its connections, and the lock that makes this server its only writer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from clawgroups.errors import LedgerBusy
from clawgroups.ledger.transactions import AsyncTransactions

ADVISORY_LOCK = 0x636C6177  # "claw": one server per PostgreSQL database
CONNECT_S = 15
ANSWER_S = 60  # a database that is silent for so long is given up, rather than letting everybody wait
_DURABLE = {"synchronous_commit": "on", "application_name": "clawgroups"}


@contextlib.asynccontextmanager
async def locked(url: URL) -> AsyncIterator[AsyncTransactions]:
    """Holds the lock and gives transactions without a limit of time, for migrations. Raises LedgerBusy.

    The lock belongs to a connection, so it is gone with its process and a killed server is replaced at once.
    """
    engine = create_async_engine(
        url, poolclass=NullPool, connect_args={"timeout": CONNECT_S, "server_settings": _DURABLE}
    )
    connection = await engine.connect()
    try:
        mine = await connection.scalar(text(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})"))
        await connection.commit()
        if not mine:
            raise LedgerBusy()
        yield AsyncTransactions(engine)
    finally:
        with contextlib.suppress(Exception):  # a lost connection has given up its lock already
            await connection.close()
        await engine.dispose()


def writing(url: URL) -> AsyncEngine:
    """The engine of the one writer."""
    return create_async_engine(url, pool_size=1, max_overflow=0, connect_args=_arguments(_DURABLE))


def reading(url: URL) -> AsyncEngine:
    """The engine of the readers: they cannot write, and what one connection reads fits together."""
    arguments = _arguments({"application_name": "clawgroups", "default_transaction_read_only": "on"})
    return create_async_engine(
        url, pool_size=4, max_overflow=2, pool_pre_ping=True, isolation_level="REPEATABLE READ", connect_args=arguments
    )


def _arguments(settings: dict[str, str]) -> dict[str, object]:
    return {"timeout": CONNECT_S, "command_timeout": ANSWER_S, "server_settings": settings}
