"""The server is killed while pages are open: they say so, go on when it is back, and no unsent word is lost.

Also what the first page looks like with hardly anything on it.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import (
    agent,
    agents,
    asking,
    done,
    item_of,
    model_group,
    take_the_wheel,
    transcript,
    until_state,
    worker_at_work,
)
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

GONE = "ERR_CONNECTION_REFUSED|WebSocket|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|ERR_SOCKET|Failed to (load|fetch)"
RESTART_MS = 40_000
SLOW = "worker-600@12"


@pytest.fixture
def server(tmp_path: Path, folder: Path) -> Iterator[ServerProcess]:
    """A server that is killed by its test and comes back on the same port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {"CLAWGROUPS_FOLDER": str(folder)}
    with ServerProcess(tmp_path / "home", env=env, args=("--port", str(port))) as running:
        yield running


@pytest.fixture
def api(server: ServerProcess) -> Iterator[httpx.Client]:
    """Its API; every call on a connection of its own, for the server goes away in between."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=server.api, timeout=30, trust_env=False, limits=limits) as client:
        yield client


def killed_and_said(server: ServerProcess, *pages: Page) -> None:
    """Kills the server, and sees that every page says so."""
    server.kill()
    for page in pages:
        banner = page.locator(".banner", has_text="The server does not answer")
        expect(banner).to_be_visible(timeout=RESTART_MS)


def test_the_person_at_the_wheel_keeps_wheel_and_words_over_a_restart(
    open_page: Opener, server: ServerProcess, api: httpx.Client, model: ModelProcess, faults: Faults
) -> None:
    faults.allow(GONE)
    group = model_group(api, model, "conductor-1@0", SLOW)
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive")
    take_the_wheel(page)
    epoch = agent(api, tile["id"])["epoch"]
    page.get_by_label("Your turn, or the result").fill("Before the crash")
    page.get_by_role("button", name="write_file", exact=True).click()
    page.get_by_label("path").fill("half.txt")
    killed_and_said(server, page)
    page.get_by_label("content").fill("written while it was down")
    page.evaluate("window.fromBefore = true")
    server.start()

    page.wait_for_function("() => !window.fromBefore", timeout=RESTART_MS)  # it loads itself anew
    expect(page.locator(".banner")).to_have_count(0, timeout=RESTART_MS)
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "mine", timeout=RESTART_MS)
    expect(page.get_by_label("Your turn, or the result")).to_have_value("Before the crash")
    expect(page.get_by_label("path")).to_have_value("half.txt")
    expect(page.get_by_label("content")).to_have_value("written while it was down")
    assert agent(api, tile["id"])["epoch"] == epoch, "the wheel did not change hands"
    page.get_by_role("button", name="Run write_file").click()
    expect(page.locator('.call[data-call="write_file"]').last).to_have_attribute(
        "data-fate", "done", timeout=RESTART_MS
    )
    page.get_by_role("button", name="Write the turn").click()
    expect(page.locator(".thread .by-human .words").filter(has_text="Before the crash")).to_be_visible()
    mine = [entry["content"] for entry in transcript(api, tile["id"]) if entry["by"] == "you" and entry["content"]]
    assert mine.count("Before the crash") == 1
    done(api.post(f"/groups/{group}/cancel"))


def test_a_group_page_goes_on_by_itself_with_every_half_written_word(
    open_page: Opener, server: ServerProcess, api: httpx.Client, model: ModelProcess, faults: Faults
) -> None:
    faults.allow(GONE)
    group = model_group(api, model, "asker@0")
    (request,) = asking(api, group)
    working = model_group(api, model, "conductor-1@0", SLOW)
    tile = worker_at_work(api, working)
    page, other = open_page(f"/groups/{group}"), open_page(f"/groups/{working}?agent={tile['id']}")
    item_of(page, request).locator(".item-name").click()
    item_of(page, request).get_by_label("Your answer to").fill("Half an answer")
    other.locator("#steer-text").fill("Half a steer")
    expect(other.locator(".gfoot-state")).to_contain_text("ms behind")
    killed_and_said(server, page, other)
    expect(other.locator(".gfoot-state")).to_have_text("reconnecting…")
    server.start()

    for one in (page, other):
        expect(one.locator(".banner")).to_have_count(0, timeout=RESTART_MS)
        expect(one.locator(".gfoot-state")).to_contain_text("ms behind", timeout=RESTART_MS)
    expect(other.locator("#steer-text")).to_have_value("Half a steer")
    until_state(api, tile["id"], "driving")
    expect(other.locator(".drawer .live-text")).to_contain_text("folder")
    item = item_of(page, request)
    if not item.get_by_label("Your answer to").is_visible():
        item.locator(".item-name").click()
    expect(item.get_by_label("Your answer to")).to_have_value("Half an answer")
    item.get_by_role("button", name="Send").click()
    expect(item).to_have_count(0)
    root = agents(api, group)[0]["id"]
    assert [entry["content"] for entry in transcript(api, root) if entry["role"] == "tool"] == ["Half an answer"]
    done(api.post(f"/groups/{working}/cancel"))


def test_words_that_are_sent_while_the_server_is_away_stay_and_can_be_sent_afterwards(
    open_page: Opener, server: ServerProcess, api: httpx.Client, model: ModelProcess, faults: Faults
) -> None:
    faults.allow(GONE)
    group = model_group(api, model, "conductor-1@0", "worker-9@0", policies={"write_file": "ask"})
    (request,) = asking(api, group)
    page = open_page(f"/groups/{group}")
    item_of(page, request).get_by_role("button", name="Deny").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Not before Monday.")
    server.kill()
    dialog.get_by_role("button", name="Deny", exact=True).click()
    expect(dialog.get_by_role("alert").last).to_contain_text("The server does not answer.")
    expect(dialog.get_by_label("Reason")).to_have_value("Not before Monday.")
    server.start()

    # The page loads itself anew; the half-written reason is there when the dialog is opened again.
    expect(dialog).to_have_count(0, timeout=RESTART_MS)
    item_of(page, request).get_by_role("button", name="Deny").click()
    expect(dialog.get_by_label("Reason")).to_have_value("Not before Monday.")
    dialog.get_by_role("button", name="Deny", exact=True).click()
    expect(item_of(page, request)).to_have_count(0)
    until_state(api, request["agent"], "done")
    denied = [entry["content"] for entry in transcript(api, request["agent"]) if entry["fate"] == "denied"]
    assert denied == ["Not before Monday."]


@pytest.mark.parametrize("width", [1440, 1024])
def test_the_home_board_keeps_its_full_width_with_little_on_it(
    open_page: Opener, api: httpx.Client, width: int
) -> None:
    body = {"name": f"Ab {secrets.token_hex(1)}", "goal": "", "conductor": "you"}
    done(api.post("/groups", json=body))
    page = open_page("/", width=width)
    expect(page.locator(".board-card")).to_have_count(1)
    room, board, card = (
        page.evaluate(
            """(selector) => {
                const found = document.querySelector(selector), style = getComputedStyle(found);
                return found.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
            }""",
            selector,
        )
        for selector in ("#content", ".board", ".board-list")
    )
    assert board == pytest.approx(min(room, 1360), abs=1)
    assert card == pytest.approx(board, abs=3)
