"""A real server that the tests of a module share, a client of its API, and a small folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cli_steps import PATIENCE_S, wait_for

from clawgroups.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose runner has joined."""
    with ServerProcess(tmp_path_factory.mktemp("cli") / "home", pages=False) as running:
        wait_for(
            lambda: httpx.get(f"{running.api}/status").json()["runner"]["sandbox"]["level"], "the joining of the runner"
        )
        yield running
        running.stop()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    """Talks to the API."""
    with httpx.Client(base_url=server.api, timeout=PATIENCE_S) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small folder to survey."""
    place = tmp_path / "source"
    place.mkdir()
    for number in range(2):
        (place / f"part{number}.py").write_text(
            f'"""Part."""\n\n\ndef f{number}():\n    return {number}  # TODO: more\n'
        )
    return place
