"""An open ledger on each kind of database, and databases in which nothing has been made yet."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from clawgroups.ledger.ledger import Ledger
from clawgroups.testing.postgres import PostgresServer


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    """Open, and closed afterwards."""
    opened = await Ledger.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def bare_postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    name = f"bare_{secrets.token_hex(6)}"
    postgres.create(name)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table; there is not even a folder for the SQLite file."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'bare' / 'clawgroups.db'}"
    return str(request.getfixturevalue("bare_postgres_url"))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Where a SQLite ledger will be."""
    return f"sqlite+aiosqlite:///{tmp_path / 'one' / 'clawgroups.db'}"
