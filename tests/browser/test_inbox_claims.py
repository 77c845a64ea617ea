"""Who has a request: claimed, begun, given to somebody, taken and let go, so that two people do not answer the same."""

from __future__ import annotations

import re

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import HeldFeed, asking, done, item_of, model_group, person, until_over
from inbox_steps import Swarms, answers_of, assigned, has_it, sit_down, writes
from playwright.sync_api import expect

from clawgroups.testing.model_process import ModelProcess


@pytest.fixture(scope="module")
def anna(api: httpx.Client) -> str:
    """Another person of the house."""
    return person(api, "Anna")


@pytest.fixture(scope="module")
def swarms(api: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Swarms:
    """Groups whose sub-agents ask what a test says."""
    return Swarms(api, tmp_path_factory.mktemp("gates"))


def test_what_one_claims_the_other_sees_at_once_cannot_answer_and_takes_with_one_click(
    open_page: Opener, api: httpx.Client, swarms: Swarms, anna: str
) -> None:
    group, (request,) = swarms.asking(writes("a.txt"))
    mine = open_page(f"/groups/{group}")
    hers = sit_down(open_page, anna, f"/groups/{group}")
    for page in (mine, hers):
        item_of(page, request).locator(".item-name").click()
        expect(item_of(page, request).locator(".claim")).to_contain_text("Nobody has it")
    item_of(mine, request).get_by_role("button", name="Claim").click()
    expect(item_of(mine, request).locator(".claim")).to_contain_text("You have it")
    other = item_of(hers, request)
    expect(other.locator(".claim")).to_contain_text(re.compile("has it"))
    expect(other.get_by_role("button", name="Approve once")).to_be_disabled()
    expect(other.get_by_role("button", name="Approve once")).to_have_attribute("title", re.compile("Take it"))
    expect(hers.locator(".drawer .claim")).to_contain_text("has it")
    hers.keyboard.press("a")
    expect(hers.locator("#claw-says")).to_contain_text("Press C to take it")
    assert [one["id"] for one in asking(api, group)] == [request["id"]]

    other.get_by_role("button", name="Take it").click()
    expect(item_of(mine, request).locator(".claim")).to_contain_text("Anna has it")
    expect(item_of(mine, request).get_by_role("button", name="Approve once")).to_be_disabled()
    other.get_by_role("button", name="Approve once").click()
    for page in (mine, hers):
        expect(item_of(page, request).locator(".item-acts")).to_have_count(0)
    assert [(one["by"], one["label"]) for one in answers_of(api, group)] == [(anna, "Approve")]


def test_who_begins_an_answer_has_it_until_they_put_it_away(
    open_page: Opener, api: httpx.Client, model: ModelProcess, anna: str
) -> None:
    group = model_group(api, model, "asker@0")
    request = asking(api, group)[0]
    mine = open_page(f"/groups/{group}")
    hers = sit_down(open_page, anna, f"/groups/{group}")
    item_of(mine, request).locator(".item-name").click()
    item_of(hers, request).locator(".item-name").click()
    assert assigned(api, group, request) == "", "to look at it claims nothing"
    item_of(mine, request).get_by_label("Your answer to").focus()
    expect(item_of(hers, request).locator(".claim-other")).to_be_visible()
    item_of(hers, request).get_by_label("Your answer to").fill("Mine is better.")
    expect(item_of(hers, request).get_by_role("button", name="Send")).to_be_disabled()
    mine.get_by_role("button", name="Answered").click()
    expect(item_of(hers, request).locator(".claim")).to_contain_text("Nobody has it")
    expect(item_of(hers, request).get_by_role("button", name="Send")).to_be_enabled()
    expect(item_of(hers, request).get_by_label("Your answer to")).to_have_value("Mine is better.")
    item_of(hers, request).get_by_role("button", name="Send").click()
    until_over(api, group)
    assert [(one["by"], one["text"]) for one in answers_of(api, group)] == [(anna, "Mine is better.")]


def test_a_dialog_claims_and_its_close_lets_go_as_does_leaving_the_page(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, (request,) = swarms.asking(writes("b.txt"))
    page = open_page(f"/groups/{group}")
    item_of(page, request).get_by_role("button", name="Deny").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    has_it(api, group, request, "you")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    has_it(api, group, request, "")
    item_of(page, request).get_by_role("button", name="Deny").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    has_it(api, group, request, "you")
    page.goto(page.url.split("/groups/")[0])
    has_it(api, group, request, "")
    done(api.post(f"/requests/{request['id']}/assign", json={}))
    page.goto(f"{page.url.rstrip('/')}/groups/{group}")
    item_of(page, request).get_by_role("button", name="Deny").click()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(item_of(page, request).locator(".claim")).to_contain_text("You have it")
    assert assigned(api, group, request) == "you", "what was claimed before stays claimed"


def test_what_is_opened_again_at_once_is_claimed_again_though_the_feed_still_shows_the_old_claim(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, (request,) = swarms.asking(writes("again.txt"))
    page = open_page("/claw/icon.svg")
    feed = HeldFeed(page)
    page.goto(f"{page.url.split('/claw')[0]}/groups/{group}")
    item = item_of(page, request)
    item.get_by_role("button", name="Deny").click()
    expect(item.locator(".claim")).to_contain_text("You have it")
    feed.hold()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    has_it(api, group, request, "")
    item.get_by_role("button", name="Deny").click()
    has_it(api, group, request, "you")
    feed.let_go()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    has_it(api, group, request, "")


def test_an_answer_that_comes_while_another_has_it_is_refused_with_their_name(
    open_page: Opener, api: httpx.Client, swarms: Swarms, anna: str, faults: Faults
) -> None:
    faults.allow("409")
    group, (request,) = swarms.asking(writes("c.txt"))
    page = open_page(f"/groups/{group}")
    item = item_of(page, request)
    expect(item).to_be_visible()
    # Anna has it on record before this page hears of it: its own answer is sent, and refused.
    with page.expect_response(f"**/requests/{request['id']}/answer") as refusal:
        page.route(
            f"**/requests/{request['id']}/answer",
            lambda route: (
                done(api.post(f"/requests/{request['id']}/assign", json={}, headers={"X-Claw-Person": anna})),
                route.continue_(),
            ),
        )
        item.get_by_role("button", name="Approve once").click()
    assert refusal.value.status == 409
    expect(page.locator("#claw-says")).to_contain_text("This request has been with Anna for")
    expect(item.locator(".claim")).to_contain_text("Anna has it")
    assert assigned(api, group, request) == anna


def test_a_request_is_given_to_somebody_in_particular(
    open_page: Opener, api: httpx.Client, swarms: Swarms, anna: str
) -> None:
    group, (request,) = swarms.asking(writes("d.txt"))
    page = open_page(f"/groups/{group}")
    item = item_of(page, request)
    item.locator(".item-name").click()
    item.get_by_role("button", name="Assign…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Person").select_option(label="Anna")
    dialog.get_by_role("button", name="Assign").click()
    expect(item.locator(".claim")).to_contain_text("Anna has it")
    has_it(api, group, request, anna)
    home = open_page("/")
    expect(home.locator(f'.board-ask[data-request="{request["id"]}"]')).to_contain_text("Anna has it")
    drive = open_page(f"/agents/{request['agent']}/drive")
    card = drive.locator(f'.ask[data-request="{request["id"]}"]')
    expect(card.locator(".claim")).to_contain_text("Anna has it")
    expect(card.get_by_role("button", name="Approve")).to_be_disabled()
    card.get_by_role("button", name="Take it").click()
    expect(card.locator(".claim")).to_contain_text("You have it")
    card.get_by_role("button", name="Approve").click()
    until_over(api, group)
    assert [one["by"] for one in answers_of(api, group)] == ["you"]
