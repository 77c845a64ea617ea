"""One selection on a group's page: the sub-agent that is shown is the one that every key acts on."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from browser_faults import Opener
from browser_steps import Json, item_of, wait_for
from inbox_steps import SAME, Swarms, answers_of, count_is, same_of, writes
from playwright.sync_api import Page, Route, expect

VIEW_KEYS = ("wall", "timeline", "tree", "table", "room", "result")


@pytest.fixture(scope="module")
def swarms(api: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Swarms:
    """Groups whose sub-agents ask what a test says."""
    return Swarms(api, tmp_path_factory.mktemp("gates"))


def listed(page: Page, requests: list[Json]) -> list[Json]:
    """The requests in the order of the inbox, once all are there."""
    expect(page.locator(".item[data-request]")).to_have_count(len(requests))
    order = page.eval_on_selector_all(".item[data-request]", "all => all.map(e => e.dataset.request)")
    return sorted(requests, key=lambda one: order.index(one["id"]))


def is_selected(page: Page, request: Json) -> None:
    """Waits until inbox, wall, drawer and address all have this request's sub-agent."""
    expect(item_of(page, request)).to_have_class(re.compile("item-open"))
    expect(page.locator(".drawer h2")).to_have_text(request["agent_name"])
    expect(page.locator('.tile[aria-current="true"]')).to_have_attribute("data-id", request["agent"])
    expect(page).to_have_url(re.compile(f"agent={re.escape(request['agent'])}$"))


def answered(api: httpx.Client, group: str) -> list[str]:
    """Whose requests were answered, the first one first."""
    return [one["agent"] for one in reversed(answers_of(api, group))]


def test_where_an_answer_leads_to_another_sub_agent_everything_follows(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, asked = swarms.asking(*(writes(f"one-{n}.txt") for n in range(3)))
    page = open_page(f"/groups/{group}")
    first, second, third = listed(page, asked)
    page.keyboard.press("j")
    is_selected(page, first)
    page.keyboard.press("a")
    expect(item_of(page, first)).to_have_count(0)
    is_selected(page, second)
    page.keyboard.press("a")
    is_selected(page, third)
    assert answered(api, group) == [first["agent"], second["agent"]]
    page.keyboard.press("t")
    page.wait_for_url(f"**/agents/{third['agent']}/drive")


def test_the_feed_may_tell_of_an_answer_before_the_server_has_said_that_it_took_it(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, asked = swarms.asking(writes("early.txt"), writes("late.txt"))
    page = open_page(f"/groups/{group}")
    first, second = listed(page, asked)
    held: list[Callable[[], None]] = []

    def hold(route: Route) -> None:
        said = route.fetch()
        held.append(lambda: route.fulfill(response=said))

    page.route("**/answer", hold)
    page.keyboard.press("j")
    is_selected(page, first)
    page.keyboard.press("a")
    tile = page.locator(f'.tile[data-id="{first["agent"]}"]')
    expect(tile).not_to_have_attribute("data-look", "att")  # the feed has told of it
    held[0]()
    is_selected(page, second)


def test_the_keys_answer_for_the_sub_agent_that_was_chosen_on_the_wall_and_for_no_other(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, asked = swarms.asking(*(writes(f"wall-{n}.txt") for n in range(3)))
    page = open_page(f"/groups/{group}")
    first, _, third = listed(page, asked)
    page.keyboard.press("j")
    is_selected(page, first)
    page.locator(f'.tile[data-id="{third["agent"]}"]').click()
    is_selected(page, third)
    page.locator(f'.tile[data-id="{group}-1"]').click()  # the conductor asks nothing
    expect(page.locator(".item-open")).to_have_count(0)
    page.keyboard.press("a")
    expect(page.locator(".say")).to_contain_text("asks nothing now.")
    page.locator(f'.tile[data-id="{third["agent"]}"]').click()
    is_selected(page, third)
    page.keyboard.press("a")
    count_is(page, 2)
    wait_for(lambda: answered(api, group) == [third["agent"]], "its answer, and no other's")


def test_what_was_scrolled_out_of_sight_is_shown_before_a_key_answers_it(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, asked = swarms.asking(*(writes(f"far-{n:02}.txt") for n in range(14)))
    page = open_page(f"/groups/{group}")
    first = listed(page, asked)[0]
    page.keyboard.press("j")
    is_selected(page, first)
    page.locator(".inbox-list").evaluate("list => { list.scrollTop = list.scrollHeight }")
    expect(item_of(page, first)).not_to_be_in_viewport()
    page.keyboard.press("a")
    expect(item_of(page, first)).to_be_in_viewport()
    assert answered(api, group) == []
    page.keyboard.press("a")
    wait_for(lambda: answered(api, group) == [first["agent"]], "the answer")


def test_a_folded_cause_selects_one_of_those_that_ask_it(open_page: Opener, api: httpx.Client, swarms: Swarms) -> None:
    group, asked = swarms.asking(SAME, SAME, writes("lone.txt"))
    lone = next(one for one in asked if "lone.txt" in one["arguments"])
    page = open_page(f"/groups/{group}")
    item_of(page, lone).locator(".item-name").click()
    is_selected(page, lone)
    page.keyboard.press("j")
    expect(same_of(page)).to_have_class(re.compile("item-open"))
    shown = page.locator('.tile[aria-current="true"]')
    expect(shown).not_to_have_attribute("data-id", lone["agent"])
    same = [one for one in asked if one is not lone]
    assert shown.get_attribute("data-id") in {one["agent"] for one in same}
    expect(page.locator(".item-inside")).to_have_count(0)
    page.locator(f'.tile[data-id="{same[1]["agent"]}"]').click()
    is_selected(page, same[1])
    page.keyboard.press("a")
    wait_for(lambda: answered(api, group) == [same[1]["agent"]], "the answer to that one alone")


def test_every_view_has_its_number_and_the_help_says_so(open_page: Opener, swarms: Swarms) -> None:
    group, _ = swarms.asking(writes("views.txt"))
    page = open_page(f"/groups/{group}")
    expect(page.locator(".tile").first).to_be_visible()
    for number, view in enumerate(VIEW_KEYS, 1):
        page.keyboard.press(str(number))
        expect(page.locator(".room")).to_have_attribute("data-view", view)
        expect(page.locator(f".room-tab-{view}")).to_have_attribute("title", f"Key {number}")
    page.keyboard.press("?")
    for view in VIEW_KEYS:
        expect(page.get_by_role("dialog")).to_contain_text(f"Show the {view}")
