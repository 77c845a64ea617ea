"""What a newcomer looks for and finds: where the way leads on, why something is off, and what fits on a telephone."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import asking, at_the_wheel, done, item_of, survey, until_over, wait_for
from playwright.sync_api import Page, expect

from clawgroups.testing.server_process import ServerProcess

TALLEST = 130  # px of the wheel's banner on a telephone; the screen has 844
ASK = {"measure_file": "ask"}


@pytest.fixture(scope="module")
def waiting(api: httpx.Client, folder: Path) -> str:
    """A group whose sub-agents wait for leave."""
    group = survey(api, folder, policies=ASK, pace=0)
    asking(api, group, 3)
    return group


def at_the_side(page: Page, selector: str) -> dict[str, float]:
    """Where an element is."""
    box = page.locator(selector).bounding_box()
    assert box
    return {"top": box["y"], "bottom": box["y"] + box["height"]}


def test_on_a_telephone_the_foot_stands_below_the_list_and_nothing_is_bare_beneath(
    open_page: Opener, waiting: str
) -> None:
    page = open_page(f"/groups/{waiting}", width=390, height=844)
    expect(page.locator(".item[data-request]")).to_have_count(3)
    tabs, items, foot, rail = (
        at_the_side(page, selector) for selector in (".room-tabs", ".inbox", ".gfoot", ".shell > .rail")
    )
    assert tabs["bottom"] <= items["top"] + 1
    assert items["bottom"] <= foot["top"] + 1
    assert abs(at_the_side(page, ".content")["bottom"] - foot["bottom"]) < 2, rail
    page.get_by_role("button", name="Wall").click()
    expect(page.locator(".tile").first).to_be_visible()
    assert at_the_side(page, ".room-tabs")["bottom"] <= at_the_side(page, ".wall-field")["top"] + 1
    assert at_the_side(page, ".wall-field")["bottom"] <= at_the_side(page, ".gfoot")["top"] + 1


def test_at_the_wheel_on_a_telephone_the_tools_are_in_sight(open_page: Opener, api: httpx.Client, folder: Path) -> None:
    group = survey(api, folder, pace=1)
    workers = wait_for(
        lambda: [one for one in done(api.get(f"/groups/{group}/agents"))["agents"] if one["parent"]], "a worker"
    )
    page = open_page(f"/agents/{workers[0]['id']}/drive", width=390, height=844)
    page.locator('.wheel [data-act="now"]').click()
    at_the_wheel(page)
    expect(page.locator(".wheel-lease")).to_be_visible()
    banner = page.locator(".wheel").bounding_box()
    assert banner
    assert banner["height"] <= TALLEST
    expect(page.locator('.wheel [data-act="give"]')).to_be_in_viewport()
    tools, rail = at_the_side(page, ".tool-pick"), at_the_side(page, ".shell > .rail")
    assert banner["y"] < tools["top"]
    assert tools["bottom"] <= rail["top"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    done(api.post(f"/groups/{group}/cancel"))


def test_a_call_that_waits_for_leave_is_named_where_a_tool_cannot_run_with_the_way_to_it(
    open_page: Opener, api: httpx.Client, folder: Path
) -> None:
    group = survey(api, folder, policies=ASK, pace=0)
    request = asking(api, group)[0]
    page = open_page(f"/agents/{request['agent']}/drive")
    page.locator('.wheel [data-act="now"]').click()
    at_the_wheel(page)
    expect(page.locator(".tool-off")).to_have_text("Answer the approval first: measure_file waits for it.")
    expect(page.get_by_role("button", name="Run list_files")).to_be_disabled()
    page.get_by_role("button", name="Show it").click()
    approve = page.locator(f'article.ask[data-request="{request["id"]}"] [data-choice="approve"]')
    expect(approve).to_be_focused()
    approve.click()
    expect(page.get_by_role("button", name="Run list_files")).to_be_enabled()
    expect(page.get_by_role("button", name="Show it")).to_have_count(0)
    done(api.post(f"/groups/{group}/cancel"))


def test_the_palette_says_that_somebody_is_to_be_selected_first(open_page: Opener, waiting: str) -> None:
    page = open_page(f"/groups/{waiting}")
    expect(page.locator(".tile")).to_have_count(4)
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    expect(page.get_by_role("option", name="Take over a sub-agent")).to_have_count(0)
    box.fill("take")
    row = page.get_by_role("option", name="Take over a sub-agent")
    expect(row).to_have_attribute("aria-disabled", "true")
    expect(row).to_contain_text("Select a sub-agent first")
    row.dispatch_event("click")
    expect(page.locator(".finder-why")).to_contain_text("Select a sub-agent first: press J")
    page.keyboard.press("Escape")
    page.locator(f'.tile[data-id="{waiting}-2"]').click()
    page.keyboard.press("Control+k")
    box.fill("take")
    expect(page.get_by_role("option", name=re.compile("Take over surveyor"))).not_to_have_attribute(
        "aria-disabled", "true"
    )
    expect(page.get_by_role("option", name="Take over a sub-agent")).to_have_count(0)


def test_a_group_that_is_over_offers_no_keys_that_do_nothing(
    open_page: Opener, api: httpx.Client, folder: Path, waiting: str
) -> None:
    live = open_page(f"/groups/{waiting}", width=1600)
    expect(live.locator(".gfoot")).to_contain_text("take over")
    group = survey(api, folder, pace=0)
    until_over(api, group)
    page = open_page(f"/groups/{group}", width=1600)
    foot = page.locator(".gfoot")
    expect(foot).to_contain_text("kept as it ended, read-only")
    expect(foot).to_contain_text("all keys")
    expect(foot).not_to_contain_text("take over")
    expect(foot).not_to_contain_text("pause")


def test_large_tiles_say_the_name_that_drawer_and_table_use(open_page: Opener, api: httpx.Client, waiting: str) -> None:
    named = done(api.get(f"/agents/{waiting}-2"))
    page = open_page(f"/groups/{waiting}")
    page.get_by_role("button", name="Large tiles").click()
    tile = page.locator(f'.tile[data-id="{named["id"]}"]')
    expect(tile.locator(".tile-title")).to_have_text(f"{named['name']} · {named['title']}")
    tile.click()
    head = page.locator(".drawer-head")
    expect(head.locator("h2")).to_have_text(named["name"])
    expect(head).to_contain_text(named["title"])


def test_people_and_tokens_are_found_from_the_members_and_from_the_own_menu(
    open_page: Opener, server: ServerProcess
) -> None:
    page = open_page("/members")
    page.get_by_role("link", name="people and tokens").click()
    page.wait_for_url("**/people")
    page.goto(f"{server.url}/settings")
    page.locator(".me summary").click()
    expect(page.locator('.me-list a[href="/people"]')).to_be_visible()


def test_a_server_that_is_gone_is_said_on_a_groups_page_and_by_what_is_tried_there(
    open_page: Opener, faults: Faults, tmp_path: Path, folder: Path
) -> None:
    faults.allow("ERR_CONNECTION_REFUSED|WebSocket|Failed to load|ERR_SOCKET|ERR_CONNECTION_RESET|ERR_EMPTY")
    with ServerProcess(tmp_path / "home", env={"CLAWGROUPS_FOLDER": str(folder)}) as server:
        with httpx.Client(base_url=server.api, timeout=30, trust_env=False) as api:
            group = survey(api, folder, policies=ASK, pace=0)
            request = asking(api, group)[0]
        page = open_page(f"/groups/{group}", at=server.url)
        expect(item_of(page, request)).to_be_visible()
        server.kill()
        expect(page.locator(".banner", has_text="Reconnecting.")).to_be_visible(timeout=6_000)
        expect(page.locator(".banner")).to_contain_text("nothing can be done here until it is back")
        item_of(page, request).get_by_role("button", name="Approve once").click()
        expect(page.locator(".say-bad")).to_contain_text("The server does not answer.")
        expect(page.locator(".gfoot")).to_be_in_viewport()
