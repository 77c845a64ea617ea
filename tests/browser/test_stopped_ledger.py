"""When nothing can be written any more, every page says so and what to do; what was acknowledged is still shown."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from clawgroups.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of this module's own: it will be hurt."""
    with ServerProcess(tmp_path_factory.mktemp("home")) as running:
        yield running


def _group(server: ServerProcess, name: str, goal: str) -> httpx.Response:
    return httpx.post(f"{server.api}/groups", json={"name": name, "goal": goal, "conductor": "you"}, timeout=30)


def test_a_full_disk_is_told_on_the_page_and_what_was_kept_is_still_there(server: ServerProcess, page: Page) -> None:
    assert _group(server, "Kept", "Be there afterwards.").status_code == 201
    page.goto(f"{server.url}/")
    expect(page.get_by_text("Kept", exact=True).first).to_be_visible()
    expect(page.get_by_text("The ledger has stopped.")).to_have_count(0)
    server.stop_files_growing()
    answers = (_group(server, f"Lost {number}", "x" * 150_000) for number in range(40))
    refused = next(answer for answer in answers if answer.status_code != 201)
    assert refused.json()["error"]["code"] == "ledger_stopped"
    banner = page.get_by_text("The ledger has stopped.")
    expect(banner).to_be_visible()
    expect(page.get_by_text("start the server again")).to_be_visible()
    page.reload()
    expect(banner).to_be_visible()
    expect(page.get_by_text("Kept", exact=True).first).to_be_visible()
