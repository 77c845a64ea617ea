"""Answers that amount to more than an operator may do are shown, off, with the reason; the others can be given."""

from __future__ import annotations

import pytest
from browser_faults import Faults, Opener
from browser_steps import Json, done, item_of, wait_for
from inbox_steps import SAME, Swarms, same_of, writes
from playwright.sync_api import Page, expect
from test_people_page import REFUSED, Team, come_in, server, team

__all__ = ["server", "team"]  # a server on which people sign in, and its people
WHY = "You are an operator; this needs a driver."


@pytest.fixture(scope="module")
def swarms(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Swarms:
    """Groups that ask; Olga is an operator."""
    team.join("olga", "operator")
    return Swarms(team.ada, tmp_path_factory.mktemp("gates"))


def at_its_limit(team: Team, swarms: Swarms) -> Json:
    """The request of a group that has used its one step."""
    goal = 'Go on.\n{"turns": [{"text": "On.", "calls": [{"name": "list_files", "arguments": {}}]}], "result": "done"}'
    body = {"name": "Short", "goal": goal, "conductor": swarms.member, "worker": swarms.member, "start": True}
    group = done(team.ada.post("/groups", json={**body, "limits": {"max_steps": 1}}))["id"]
    found: list[Json] = wait_for(
        lambda: done(team.ada.get("/requests", params={"group": group}))["requests"], "the request"
    )
    assert found[0]["kind"] == "budget"
    return found[0]


def is_off(page: Page, place: str, name: str, why: str = WHY) -> None:
    button = page.locator(place).get_by_role("button", name=name)
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("title", why)


def test_the_end_of_a_group_and_a_higher_limit_are_off_also_by_key(
    team: Team, swarms: Swarms, open_page: Opener, faults: Faults
) -> None:
    faults.allow(REFUSED)
    request = at_its_limit(team, swarms)
    page = come_in(open_page, "olga", f"/groups/{request['group']}")
    item_of(page, request).locator(".item-name").click()
    for name in ("Raise the limit…", "End the group…"):
        is_off(page, f'.item[data-request="{request["id"]}"]', name)
        is_off(page, ".drawer", name)
    for key in ("a", "d"):
        page.keyboard.press(key)
        expect(page.locator("#claw-says .say")).to_have_text(f"{WHY}×")
        page.get_by_role("button", name="Dismiss this message").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto(f"{page.url.split('/groups')[0]}/agents/{request['agent']}/drive")
    is_off(page, f'.ask[data-request="{request["id"]}"]', "End the group")
    assert done(team.ada.get("/requests", params={"group": request["group"]}))["requests"][0]["id"] == request["id"]


def test_leave_for_the_whole_group_is_off_and_leave_once_is_given(
    team: Team, swarms: Swarms, open_page: Opener, faults: Faults
) -> None:
    faults.allow(REFUSED)
    group, (request, *_) = swarms.asking(writes("a.txt"))
    page = come_in(open_page, "olga", f"/groups/{group}")
    item = item_of(page, request)
    item.locator(".item-name").click()
    is_off(page, f'.item[data-request="{request["id"]}"]', "For the whole group")
    expect(item.get_by_role("button", name="Always for this tool")).to_be_enabled()
    item.get_by_role("button", name="Approve once").click()
    closed = wait_for(
        lambda: done(team.ada.get("/requests", params={"group": group, "state": "closed"}))["requests"], "the answer"
    )
    assert [(one["id"], one["decision"], one["by"]) for one in closed] == [(request["id"], "approve", "olga")]


def test_one_answer_for_many_offers_no_leave_for_the_whole_group(
    swarms: Swarms, open_page: Opener, faults: Faults
) -> None:
    faults.allow(REFUSED)
    group, _ = swarms.asking(SAME, SAME)
    page = come_in(open_page, "olga", f"/groups/{group}")
    same_of(page).get_by_role("button", name="Approve all 2").click()
    offered = page.get_by_role("dialog").locator("option, [role=radio], [type=radio]")
    expect(page.get_by_role("dialog")).to_contain_text("Always for this tool")
    expect(page.get_by_role("dialog")).not_to_contain_text("For the whole group")
    assert offered.count() == 2
