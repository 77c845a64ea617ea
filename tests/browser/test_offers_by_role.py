"""Model servers found on this machine are looked for, and offered, only for those whose role allows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_faults import Opener
from playwright.sync_api import expect
from test_people_page import Team, come_in, team

from clawgroups.testing.server_process import ServerProcess

__all__ = ["team"]  # its people
LOOKED = "Object.values(mounted_app.elements).map((one) => one.props).find((props) => props?.state === 'looked')"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server in whose environment a model's key is found: that is an offer. Nothing is asked of its address."""
    env = {"MOONSHOT_API_KEY": "sk-made-up", "MOONSHOT_BASE_URL": "http://127.0.0.1:9/v1", "MOONSHOT_MODEL": "echo"}
    with ServerProcess(tmp_path_factory.mktemp("offers") / "home", env=env) as running:
        yield running


def test_an_operator_is_offered_nothing_and_an_admin_is(team: Team, open_page: Opener) -> None:
    team.join("olga", "operator")
    admin = come_in(open_page, "ada", "/")
    expect(admin.locator(".offers")).to_contain_text("echo at Moonshot")
    operator = come_in(open_page, "olga", "/")
    given = operator.wait_for_function(LOOKED).json_value()
    assert given["offers"] == []
    expect(operator.locator(".offers")).to_have_count(0)
