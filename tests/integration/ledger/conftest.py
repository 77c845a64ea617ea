"""An open ledger on each kind of database, and databases in which nothing has been made yet."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from search_rig import fill

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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def seeded_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of each kind with the seed's groups and their search, for tests that only read."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("seeded") / "clawgroups.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite+aiosqlite:///{path}"
        _in_a_loop_of_its_own(fill(url))
        yield url
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    name = f"seeded_{secrets.token_hex(6)}"
    postgres.create(name, request.getfixturevalue("postgres_template"))
    _in_a_loop_of_its_own(fill(postgres.url(name)))
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
async def shared(seeded_url: str) -> AsyncIterator[Ledger]:
    """The seeded ledger, open."""
    opened = await Ledger.open(seeded_url)
    yield opened
    await opened.close()


def _in_a_loop_of_its_own(work: Coroutine[Any, Any, None]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()
