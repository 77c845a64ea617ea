"""The page of a running group: what needs a person, what is shown of a sub-agent, and what the group made."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
from browser_faults import Faults, Opener
from browser_steps import (
    HeldFeed,
    agent,
    agents,
    asking,
    done,
    model_group,
    survey,
    transcript,
    until_over,
    until_state,
    wait_for,
    worker_at_work,
)
from playwright.sync_api import Browser, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script> **bold** [x](javascript:alert(1))'


def asked_group(api: httpx.Client, model: ModelProcess, count: int) -> str:
    """A group whose workers each want to write a file, and must ask."""
    return model_group(api, model, f"conductor-{count}", "worker-9@0", policies={"write_file": "ask"})


def fate_of_write(api: httpx.Client, agent_id: str) -> Callable[[], str]:
    """Reads how the call of write_file ended; empty while it is open."""

    def look() -> str:
        results = [e for e in transcript(api, agent_id) if e["role"] == "tool" and e["name"] == "write_file"]
        return str(results[-1]["fate"]) if results else ""

    return look


def test_calls_are_approved_and_denied_and_edited_from_the_inbox(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = asked_group(api, model, 3)
    first, second, third = asking(api, group, 3)
    page = open_page(f"/groups/{group}")
    expect(page.locator(".pane-head .count")).to_have_text("3")

    item = page.locator(f'.item[data-request="{first["id"]}"]')
    item.get_by_role("button", name="Approve once").click()
    expect(item).to_have_count(0)
    assert wait_for(fate_of_write(api, first["agent"]), "the approved call") == "done"

    item = page.locator(f'.item[data-request="{second["id"]}"]')
    item.get_by_role("button", name="Deny").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("Not in this folder.")
    page.get_by_role("dialog").get_by_role("button", name="Deny", exact=True).click()
    expect(item).to_have_count(0)
    assert wait_for(fate_of_write(api, second["agent"]), "the denied call") == "denied"
    assert any("Not in this folder." in entry["content"] for entry in transcript(api, second["agent"]))

    item = page.locator(f'.item[data-request="{third["id"]}"]')
    item.locator(".item-name").click()
    item.get_by_role("button", name="Edit").click()
    box = page.get_by_role("dialog").get_by_label("Arguments")
    box.fill("{ not json")
    page.get_by_role("dialog").get_by_role("button", name="Run it so").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("not JSON")
    box.fill(json.dumps({"path": "edited.txt", "content": "as a person wants it"}))
    page.get_by_role("dialog").get_by_role("button", name="Run it so").click()
    expect(page.locator(".inbox-none")).to_be_visible()
    assert wait_for(fate_of_write(api, third["agent"]), "the edited call") == "done"
    names = [file["path"] for file in done(api.get(f"/agents/{third['agent']}/files"))["files"]]
    assert "edited.txt" in names
    assert "note.txt" not in names


def test_an_approval_for_the_whole_group_settles_the_others_too(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = asked_group(api, model, 4)
    first = asking(api, group, 4)[0]
    page = open_page(f"/groups/{group}")
    item = page.locator(f'.item[data-request="{first["id"]}"]')
    item.locator(".item-name").click()
    item.get_by_role("button", name="For the whole group").click()
    expect(page.locator(".inbox-none")).to_be_visible()
    until_over(api, group)


def test_the_keyboard_walks_the_inbox_and_answers(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group = asked_group(api, model, 2)
    asking(api, group, 2)
    page = open_page(f"/groups/{group}")
    expect(page.locator(".item")).to_have_count(2)
    page.keyboard.press("j")
    opened = page.locator(".item-open")
    first = str(opened.get_attribute("data-request"))
    page.keyboard.press("j")
    expect(opened).not_to_have_attribute("data-request", first)
    page.keyboard.press("k")
    expect(opened).to_have_attribute("data-request", first)
    page.keyboard.press("a")
    expect(page.locator(f'.item[data-request="{first}"]')).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("d")
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".inbox-none")).to_be_visible()
    fates = {fate for tile in agents(api, group) if tile["parent"] and (fate := fate_of_write(api, tile["id"])())}
    assert fates <= {"done", "denied"}
    until_over(api, group)


def test_the_keyboard_moves_among_tiles_opens_pauses_and_steers(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-8", "worker-900@12")
    worker_at_work(api, group)
    page = open_page(f"/groups/{group}")
    expect(page.locator(".tile")).to_have_count(9)
    tiles = page.locator('.wall-group[data-role="worker"] .tile')
    tiles.nth(0).focus()
    page.keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator('.wall-group[data-role="conductor"] .tile')).to_be_focused()
    page.keyboard.press("End")
    expect(tiles.nth(7)).to_be_focused()
    page.keyboard.press("Enter")
    agent_id = str(tiles.nth(7).get_attribute("data-id"))
    expect(page.locator(".drawer h2")).to_have_text(agent(api, agent_id)["name"])
    page.keyboard.press("s")
    expect(page.locator("#steer-text")).to_be_focused()
    page.keyboard.type("Look at the tests first.")
    page.keyboard.press("Control+Enter")
    wait_for(lambda: agent(api, agent_id)["steers"], "the queued words")
    expect(page.locator(".composer")).to_contain_text("1 queued")
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    wait_for(lambda: agent(api, agent_id)["pausing"] or agent(api, agent_id)["state"] == "paused", "the pause")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Take over the selected sub-agent")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".drawer")).to_be_hidden()
    expect(tiles.nth(7)).to_be_focused()
    done(api.post(f"/groups/{group}/cancel"))


def test_what_an_agent_says_stays_text_everywhere(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group = model_group(api, model, "echo@0", goal=HOSTILE, name=HOSTILE[:60])
    until_over(api, group)
    page = open_page(f"/groups/{group}?agent={group}-1")
    page.locator(".room-tab-wall").click()
    expect(page.locator(".drawer .live-text")).to_contain_text("window.pwned=1")
    page.get_by_role("tab", name="Thread").click()
    expect(page.locator(".thread .by-agent .words")).to_contain_text("<script>window.pwned=2</script>")
    page.get_by_role("tab", name="Task").click()
    expect(page.locator(".drawer .about").first).to_contain_text("<img src=x")
    page.locator(".room-tab-result").click()
    expect(page.locator(".result-words")).to_contain_text("<img src=x")
    page.goto(page.url.split("/groups/")[0] + f"/agents/{group}-1/drive")
    expect(page.locator(".thread .by-agent .words")).to_contain_text("**bold**")
    assert page.evaluate("window.pwned") is None
    assert page.locator('img[src="x"]').count() == 0
    assert page.locator('a[href^="javascript"]').count() == 0


def test_a_report_with_hostile_markdown_cannot_run_or_call_out(
    open_page: Opener, api: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "evil.md").write_text('# <img src="https://example.org/x.png" onerror="window.pwned=1">\n\ntext\n')
    group = survey(api, tmp_path, pace=0)
    until_over(api, group)
    page = open_page(f"/groups/{group}")
    expect(page.locator(".page-text")).to_contain_text("evil.md")
    assert page.evaluate("window.pwned") is None


def test_a_finished_survey_opens_with_its_report_and_its_tables(
    open_page: Opener, api: httpx.Client, folder: Path
) -> None:
    group = survey(api, folder, pace=0)
    until_over(api, group)
    page = open_page(f"/groups/{group}")
    expect(page.locator(".room-tab-result")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".page-text table").first).to_contain_text("Python")
    expect(page.locator(".ghead .tag")).to_have_text("Finished")
    expect(page.locator(".gfoot-state")).to_have_text("live · finished")
    with page.expect_download() as download:
        page.get_by_label("Download survey.csv").click()
    assert "hello.py" in download.value.path().read_text()


def test_a_group_is_paused_resumed_and_stopped_from_its_header(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-2", "worker-900@12")
    worker_at_work(api, group)
    page = open_page(f"/groups/{group}")
    page.get_by_role("button", name="Pause all").click()
    expect(page.locator(".ghead .tag")).to_have_text("Paused")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator(".ghead .tag")).to_have_text("Running")
    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop the group").click()
    expect(page.locator(".ghead .tag")).to_have_text("Cancelled")
    assert {tile["state"] for tile in agents(api, group)} <= {"cancelled", "done"}


def test_the_group_page_is_usable_on_a_telephone(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group = asked_group(api, model, 2)
    first = asking(api, group, 2)[0]
    page = open_page(f"/groups/{group}", width=390, height=844)
    item = page.locator(f'.item[data-request="{first["id"]}"]')
    expect(item).to_be_visible()
    expect(page.locator(".wall-filter")).to_be_hidden()  # it narrows the wall, which is not shown
    item.get_by_role("button", name="Approve once").click()
    expect(item).to_have_count(0)
    for view in ("wall", "result", "wall"):
        page.locator(f".room-tab-{view}").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".tile").nth(1).click()
    expect(page.locator(".drawer h2")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Close (Esc)").click()
    expect(page.locator(".drawer")).to_be_hidden()
    done(api.post(f"/groups/{group}/cancel"))


def test_a_silence_is_not_taken_for_a_connection_that_is_alive(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-1", "worker-9000@12")
    page = open_page("/claw/icon.svg")
    feed = HeldFeed(page)
    page.goto(f"{page.url.split('/claw')[0]}/groups/{group}")
    state = page.locator(".gfoot-state")
    expect(state).to_contain_text("ms behind")
    feed.hold()
    expect(state).to_have_text("reconnecting…", timeout=30_000)
    feed.let_go()
    expect(state).to_contain_text("ms behind")
    done(api.post(f"/groups/{group}/cancel"))


def test_a_page_reconnects_after_the_server_restarts_and_goes_on(
    browser: Browser, faults: Faults, tmp_path: Path, model: ModelProcess
) -> None:
    faults.allow("ERR_CONNECTION_REFUSED|WebSocket|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|Failed to load")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (
        ServerProcess(tmp_path / "home", args=("--port", str(port))) as server,
        httpx.Client(base_url=f"{url}/api/v1", timeout=30, trust_env=False) as api,
    ):
        group = model_group(api, model, "conductor-2", "worker-900@12")
        tile = worker_at_work(api, group)
        page = browser.new_page()
        faults.watch(page)
        page.goto(f"{url}/groups/{group}?agent={tile['id']}")
        expect(page.locator(".gfoot-state")).to_contain_text("ms behind")
        server.kill()
        expect(page.locator(".gfoot-state")).to_have_text("reconnecting…")
        expect(page.locator(".banner")).to_contain_text("The server does not answer")
        server.start()
        expect(page.locator(".gfoot-state")).to_contain_text("ms behind")
        expect(page.locator(".drawer h2")).to_have_text(tile["name"])
        until_state(api, tile["id"], "driving")
        words = page.locator(".drawer .live-text")
        expect(words).to_contain_text("folder")
        expect(page.locator(".banner")).to_have_count(0)
        page.close()
