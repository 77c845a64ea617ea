"""What every test may use: a database of each kind, made for it alone."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clawgroups.ledger.ledger import Ledger
from clawgroups.testing.postgres import PostgresServer


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings, keys or proxies of whoever runs it."""
    for name in list(os.environ):
        if name.startswith("CLAWGROUPS_") or name.endswith(("_API_KEY", "_PROXY", "_proxy")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL server, started once for the run and removed after it."""
    with PostgresServer(synced=False) as server:
        yield server


def _set_up(url: str) -> None:
    """Makes the tables; in a thread, since a test's own loop may be about to run in this one."""

    async def open_and_close() -> None:
        await (await Ledger.open(url)).close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, open_and_close()).result()


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a database with all tables and nothing in them; a copy is made much faster than a new one."""
    postgres.create("claw_template")
    _set_up(postgres.url("claw_template"))
    return "claw_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a SQLite file."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _set_up(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A fresh PostgreSQL ledger of the test's own, as a SQLAlchemy URL."""
    name = f"claw_{secrets.token_hex(6)}"
    postgres.create(name, postgres_template)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh ledger; the test runs once on each kind."""
    if request.param != "sqlite":
        return str(request.getfixturevalue("postgres_url"))
    path = tmp_path / "ledger" / "clawgroups.db"
    path.parent.mkdir()
    shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite+aiosqlite:///{path}"
