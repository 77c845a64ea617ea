"""One real server for the tests of the API, and what they all need: a client, a folder, waiting with a deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_steps import PATIENCE_S

from clawgroups.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the tests of a module share."""
    with ServerProcess(tmp_path_factory.mktemp("api") / "home", pages=False) as running:
        deadline = time.monotonic() + PATIENCE_S
        while httpx.get(f"{running.api}/status").json()["runner"]["state"] != "up" or not _joined(running):
            assert time.monotonic() < deadline, running.log_text()
            time.sleep(0.05)
        yield running
        running.stop()


def _joined(running: ServerProcess) -> bool:
    return bool(httpx.get(f"{running.api}/status").json()["runner"]["sandbox"]["level"])


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
    for number in range(3):
        (place / f"part{number}.py").write_text(
            f'"""Part."""\n\n\ndef f{number}():\n    return {number}  # TODO: more\n'
        )
    return place
