"""A real server with sign-in that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from accounts_steps import Team

from clawgroups.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """With pages; it ends cleanly, and its log tells of no failure."""
    with ServerProcess(tmp_path_factory.mktemp("team") / "home") as server:
        made = Team(server)
        yield made
        made.close()
        server.stop()
        assert "Traceback" not in server.log_text()
        assert " ERROR " not in server.log_text()
