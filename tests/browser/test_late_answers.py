"""Answers that come late, or not: they take no word that was written since, and show nothing that nobody asked for."""

from __future__ import annotations

from pathlib import Path

import httpx
from browser_faults import Faults, Opener
from browser_steps import (
    HeldCalls,
    HeldFeed,
    Json,
    agents,
    asking,
    done,
    item_of,
    model_group,
    survey,
    take_the_wheel,
    transcript,
    wait_for,
    worker_at_work,
)
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess

RESYNC = """async (group) => (await import("/claw/feed.js")).feedOf(group).resync()"""


def at_the_desk(open_page: Opener, api: httpx.Client, model: ModelProcess) -> tuple[Page, HeldFeed, Json]:
    """A page at the wheel whose words from the server can be held, and the sub-agent."""
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = {**worker_at_work(api, group), "group": group}
    page = open_page("/claw/icon.svg")
    socket = HeldFeed(page, "/_nicegui_ws/")
    page.goto(f"{page.url.split('/claw')[0]}/agents/{tile['id']}/drive")
    take_the_wheel(page)
    return page, socket, tile


def test_a_turn_that_is_written_while_the_last_one_is_sent_stays(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    page, socket, tile = at_the_desk(open_page, api, model)
    turn, send = page.get_by_label("Your turn, or the result"), page.locator('[data-act="turn"]')
    turn.fill("I look at it.")
    socket.hold()
    page.get_by_role("button", name="Write the turn").click()
    wait_for(lambda: "I look at it." in str(transcript(api, tile["id"])), "the turn")
    turn.fill("Then I mend it.")
    expect(send).to_be_disabled()
    socket.let_go()
    expect(send).to_be_enabled()
    expect(turn).to_have_value("Then I mend it.")
    page.reload()
    expect(turn).to_have_value("Then I mend it.")
    send.click()
    expect(turn).to_have_value("")
    wait_for(lambda: "Then I mend it." in str(transcript(api, tile["id"])), "the second turn")
    done(api.post(f"/groups/{tile['group']}/cancel"))


def test_arguments_that_are_written_while_a_tool_is_called_stay(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    page, socket, tile = at_the_desk(open_page, api, model)
    page.get_by_role("button", name="write_file", exact=True).click()
    page.get_by_label("path").fill("one.txt")
    page.get_by_label("content").fill("one")
    run = page.get_by_role("button", name="Run write_file")
    socket.hold()
    run.click()
    wait_for(lambda: "one.txt" in str(transcript(api, tile["id"])), "the call")
    page.get_by_label("path").fill("two.txt")
    expect(run).to_be_disabled()
    socket.let_go()
    expect(run).to_be_enabled()
    expect(page.get_by_label("path")).to_have_value("two.txt")
    expect(page.get_by_label("content")).to_have_value("one")
    run.click()
    wait_for(lambda: "two.txt" in str(transcript(api, tile["id"])), "the second call")
    expect(page.get_by_label("path")).to_have_value("")
    done(api.post(f"/groups/{tile['group']}/cancel"))


def talked(api: httpx.Client, folder: Path, lines: int) -> tuple[str, Json]:
    """A group in whose room so much was said, one line of it to a sub-agent."""
    group = survey(api, folder, pace=2)
    one: Json = wait_for(lambda: next((tile for tile in agents(api, group) if tile["parent"]), None), "a surveyor")
    done(api.post(f"/groups/{group}/messages", json={"text": "To the one.", "to": [one["id"]]}))
    for number in range(lines):
        done(api.post(f"/groups/{group}/messages", json={"text": f"word number {number}"}))
    return group, one


def test_earlier_words_that_come_late_are_not_put_into_another_thread(
    open_page: Opener, api: httpx.Client, folder: Path
) -> None:
    group, one = talked(api, folder, 60)
    page = open_page(f"/groups/{group}?view=room&agent={one['id']}")
    expect(page.locator(".talk-one").last).to_contain_text("word number 59")
    earlier = HeldCalls(page, "/room.*before=")
    page.get_by_role("button", name="Earlier").click()
    earlier.wait()
    page.get_by_role("button", name=f"Only {one['name']}").click()
    expect(page.locator(".talk-one")).to_have_count(1)
    earlier.let_go()
    expect(page.locator(".talk-one")).to_have_count(1)
    expect(page.locator(".talk-one")).to_contain_text("To the one.")
    page.unroute_all()
    page.get_by_role("button", name="Everything").click()
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator(".talk-one").first).to_contain_text("To the one.")


def test_a_read_that_fails_late_does_not_hide_what_was_read_since(
    open_page: Opener, api: httpx.Client, faults: Faults, folder: Path
) -> None:
    faults.allow("ERR_FAILED")
    group, one = talked(api, folder, 3)
    page = open_page("/claw/icon.svg")
    feed = HeldFeed(page)
    page.goto(f"{page.url.split('/claw')[0]}/groups/{group}?view=room&agent={one['id']}")
    expect(page.locator(".talk-one", has_text="word number 2")).to_be_visible()
    only = page.get_by_role("button", name=f"Only {one['name']}")
    expect(only).to_be_visible()  # it comes with the feed
    feed.hold()  # what is said meanwhile would have the page read again
    reads = HeldCalls(page, "/room.*agent=")
    only.click()
    reads.wait()
    page.get_by_role("button", name="Everything").click()
    expect(page.locator(".talk-one", has_text="word number 2")).to_be_visible()
    reads.cut()
    expect(page.get_by_text("The room cannot be read now")).to_have_count(0)
    expect(page.locator(".talk-one", has_text="word number 2")).to_be_visible()


def test_words_for_what_was_settled_come_back_though_the_server_was_away_at_first(
    open_page: Opener, api: httpx.Client, model: ModelProcess, faults: Faults
) -> None:
    faults.allow("ERR_FAILED")
    group = model_group(api, model, "asker@0")
    request = asking(api, group)[0]
    page = open_page(f"/groups/{group}")
    address = page.url
    item_of(page, request).locator(".item-name").click()
    item_of(page, request).get_by_label("Your answer to").fill("Half an ans")
    page.goto("about:blank")
    done(api.post(f"/requests/{request['id']}/answer", json={"decision": "answer", "text": "By another."}))
    closed = HeldCalls(page, "/requests.*state=closed")
    page.goto(address)
    closed.wait()
    closed.cut()
    expect(item_of(page, request)).to_have_count(0)
    page.unroute_all()
    page.evaluate(RESYNC, group)
    expect(item_of(page, request).locator("textarea")).to_have_value("Half an ans")
