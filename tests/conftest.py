"""What every test may use: a database of each kind, made for it alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from clawgroups.testing.postgres import PostgresServer


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings, keys or proxies of whoever runs it."""
    for name in list(os.environ):
        if name.startswith("CLAWGROUPS_") or name.endswith(("_API_KEY", "_PROXY", "_proxy")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A private PostgreSQL server, started once for the run and removed after it."""
    with PostgresServer(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """An empty PostgreSQL database of the test's own, as a SQLAlchemy URL."""
    name = f"claw_{secrets.token_hex(6)}"
    postgres.create(name)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database; the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'ledger' / 'clawgroups.db'}"
    return str(request.getfixturevalue("postgres_url"))
