"""The room: people talk to the conductor and to sub-agents by name, see who has read it, and change the rules."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import HeldFeed, agents, done, survey, wait_for
from playwright.sync_api import Locator, Page, expect

HOSTILE = '<img src=x onerror="window.pwned=1"><b>bold</b> \u202e[link](javascript:window.pwned=2)'


@pytest.fixture
def group(api: httpx.Client, folder: Path) -> str:
    """A survey that is under way long enough, with three surveyors."""
    made = survey(api, folder, pace=2)
    wait_for(lambda: len([tile for tile in agents(api, made) if tile["parent"]]) == 3, "the surveyors")
    return made


def room_of(open_page: Opener, group: str, **more: int) -> Page:
    page = open_page(f"/groups/{group}?view=room", **more)
    expect(words(page)).to_be_editable()
    return page


def words(page: Page) -> Locator:
    return page.get_by_label("Your words in the room")


def test_words_go_where_they_are_addressed_and_everybody_sees_them_at_once(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    page, other = room_of(open_page, group), room_of(open_page, group)
    expect(page.get_by_text("Goes to the conductor.")).to_be_visible()
    words(page).fill("Where are we?")
    words(page).press("Control+Enter")
    said = page.locator(".talk-one", has_text="Where are we?")
    expect(said).to_contain_text("to conductor")
    expect(words(page)).to_have_value("")
    expect(other.locator(".talk-one", has_text="Where are we?")).to_be_visible()
    name = next(tile["name"] for tile in agents(api, group) if tile["parent"])
    words(page).press_sequentially(f"Mind the tests, @{name[:4]}")
    expect(page.get_by_role("listbox", name="Sub-agents").get_by_role("option").first).to_contain_text(name)
    words(page).press("Enter")
    expect(words(page)).to_have_value(f"Mind the tests, @{name} ")
    expect(page.get_by_text(f"Goes to {name}.")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(other.locator(".talk-one", has_text="Mind the tests")).to_contain_text(f"to {name}")
    expect(page.locator(".talk-one", has_text="Mind the tests").locator(".talk-read")).to_have_text(" · read")


def test_rules_are_edited_in_plain_words_and_everybody_hears_of_it(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    page, other = room_of(open_page, group), room_of(open_page, group)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("In plain words").fill("Be kind.\nNo jokes.")
    page.reload()
    expect(page.get_by_label("In plain words")).to_have_value("Be kind.\nNo jokes.")
    done(api.put(f"/groups/{group}/rules", json={"rules": "Be quick."}))
    expect(page.get_by_role("alert").filter(has_text="Somebody has changed them meanwhile")).to_contain_text(
        "Be quick."
    )
    page.get_by_role("button", name="Save", exact=True).click()
    expect(other.locator(".talk-rules-text")).to_have_text("Be kind.\nNo jokes.")
    expect(other.locator(".talk-one", has_text="changed the standing rules")).to_have_count(2)
    assert done(api.get(f"/groups/{group}"))["rules"] == "Be kind.\nNo jokes."


def test_rules_under_way_come_back_though_the_feed_comes_after_the_rooms_words(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    page = room_of(open_page, group)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("In plain words").fill("Be brief.")
    feed = HeldFeed(page)
    feed.hold()
    page.reload()
    expect(page.get_by_text("Nothing was said yet")).to_be_visible()
    feed.let_go()
    expect(page.get_by_label("In plain words")).to_have_value("Be brief.")


def test_unsent_words_outlive_a_reload_and_a_cut_connection(open_page: Opener, faults: Faults, group: str) -> None:
    faults.allow("ERR_INTERNET_DISCONNECTED")
    page = room_of(open_page, group)
    words(page).fill("Half a thou")
    page.reload()
    expect(words(page)).to_have_value("Half a thou")
    page.context.set_offline(True)
    words(page).fill("Half a thought")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert").filter(has_text="Not sent.")).to_contain_text("does not answer")
    expect(words(page)).to_have_value("Half a thought")
    page.context.set_offline(False)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".talk-one", has_text="Half a thought")).to_be_visible()


def test_what_is_said_is_text_and_never_markup(open_page: Opener, api: httpx.Client, group: str) -> None:
    done(api.post(f"/groups/{group}/messages", json={"text": HOSTILE}))
    page = room_of(open_page, group)
    expect(page.locator(".talk-one .talk-text")).to_have_text(HOSTILE)
    assert page.evaluate("() => window.pwned") is None


def test_a_long_room_is_read_page_by_page(open_page: Opener, api: httpx.Client, group: str) -> None:
    for number in range(60):
        done(api.post(f"/groups/{group}/messages", json={"text": f"word number {number}"}))
    page = room_of(open_page, group)
    expect(page.locator(".talk-one").last).to_contain_text("word number 59")
    expect(page.locator(".talk-one")).to_have_count(50)
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator(".talk-one")).to_have_count(60)
    expect(page.locator(".talk-one").first).to_contain_text("word number 0")
    expect(page.get_by_role("button", name="Earlier")).to_have_count(0)


def test_one_sub_agents_thread_is_shown_and_answered_alone_on_a_phone_too(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    one, two = [tile for tile in agents(api, group) if tile["parent"]][:2]
    done(api.post(f"/groups/{group}/messages", json={"text": "To the one.", "to": [one["id"]]}))
    done(api.post(f"/groups/{group}/messages", json={"text": "To the two.", "to": [two["id"]]}))
    page = open_page(f"/groups/{group}?view=room&agent={one['id']}")
    page.get_by_role("button", name=f"Only {one['name']}").click()
    expect(page.locator(".talk-one")).to_have_count(1)
    expect(page.locator(".talk-one")).to_contain_text("To the one.")
    expect(page.get_by_text(f"Goes to {one['name']}.")).to_be_visible()
    small = room_of(open_page, group, width=390, height=844)
    words(small).fill("From a phone.")
    small.get_by_role("button", name="Send").click()
    expect(small.locator(".talk-one", has_text="From a phone.")).to_be_visible()
