"""One real server for the tests of the API, and what they all need: a client, a folder, sub-agents with a plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_steps import PATIENCE_S, Plans, wait_for_runner

from clawgroups.testing.server_process import ServerProcess


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that all tests share. None may break it: it ends cleanly, and its log tells of no failure."""
    with ServerProcess(tmp_path_factory.mktemp("api") / "home", pages=False) as running:
        wait_for_runner(running)
        yield running
        running.stop()
        assert "Traceback" not in running.log_text()


@pytest.fixture(scope="session")
def server_api(server: ServerProcess) -> str:
    """The root of the API, for those who need a connection of their own."""
    return server.api


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    """Talks to the API."""
    with httpx.Client(base_url=server.api, timeout=PATIENCE_S) as made:
        yield made


@pytest.fixture(scope="session")
def plans(client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Plans:
    """Makes sub-agents that do what a test writes down."""
    return Plans(client, tmp_path_factory.mktemp("gates"))


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
