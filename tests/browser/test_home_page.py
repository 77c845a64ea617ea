"""The first page: what needs a person, how every group is, and what to do when there is nothing yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import agents, asking, done, keyboard_focus, model_group, survey, until_over
from playwright.sync_api import Browser, Locator, Page, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

HOSTILE = '<img src=x onerror="window.pwned=1"><b>\u202etxet desrever'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path, model: ModelProcess) -> Iterator[ServerProcess]:
    """A server in whose environment a model's key is found; its guide was closed."""
    env = {
        "CLAWGROUPS_FOLDER": str(folder),
        "CLAWGROUPS_LAUNCH_BURST": "60",
        "MOONSHOT_API_KEY": "sk-from-the-environment",
        "MOONSHOT_BASE_URL": model.base_url,
        "MOONSHOT_MODEL": "echo",
    }
    with ServerProcess(tmp_path_factory.mktemp("home"), env=env) as running:
        done(httpx.put(f"{running.api}/guide", json={"shown": False}))
        yield running


def card(page: Page, group: str) -> Locator:
    """The group's row."""
    return page.locator(f'[data-group="{group}"]')


def person_group(api: httpx.Client, name: str, goal: str = "", *, start: bool = True) -> str:
    """A group that the person conducts: once started it needs them at once."""
    body = {"name": name, "goal": goal, "conductor": "you", "start": start}
    return str(done(api.post("/groups", json=body))["id"])


def test_an_empty_house_leads_to_a_survey_and_to_the_members(
    browser: Browser, faults: Faults, tmp_path: Path, folder: Path
) -> None:
    with ServerProcess(tmp_path / "home", env={"CLAWGROUPS_FOLDER": str(folder)}) as empty:
        context = browser.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        faults.watch(page)
        page.goto(empty.url)
        expect(page.get_by_role("heading", name="First steps")).to_be_visible()
        page.get_by_role("button", name="Close the guide").click()
        expect(page.get_by_role("heading", name="No groups yet")).to_be_visible()
        expect(page.locator(".board-way-first")).to_contain_text(str(folder))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        expect(page.get_by_role("link", name=re.compile("Bring in a model"))).to_have_attribute("href", "/members")
        page.get_by_role("link", name=re.compile("Survey a folder")).click()
        page.wait_for_url("**/new?template=survey")
        expect(page.locator("input[value=survey]")).to_be_checked()
        context.close()


def test_a_model_of_the_servers_environment_is_offered_and_added_by_one_click(
    open_page: Opener, api: httpx.Client
) -> None:
    page = open_page("/")
    offers = page.locator(".offers")
    expect(offers).to_contain_text("echo at Moonshot")
    expect(offers).to_contain_text("MOONSHOT_API_KEY")
    page.get_by_role("button", name="Add echo at Moonshot as a member").click()
    expect(page.locator(".say-ok", has_text="is a member now")).to_be_visible()
    expect(page.locator(".say-ok", has_text="answered")).to_be_visible()
    expect(offers).to_have_count(0)
    added = next(m for m in done(api.get("/members"))["members"] if m["name"] == "echo at Moonshot")
    assert added["model"]["key_ref"] == "env:MOONSHOT_API_KEY"
    done(api.delete(f"/members/{added['id']}"))


def test_an_offer_that_was_waved_away_stays_away_in_this_browser(open_page: Opener) -> None:
    page = open_page("/")
    page.get_by_role("button", name="Not now").click()
    expect(page.locator(".offers")).to_have_count(0)
    with page.expect_response("**/status"):
        page.reload()
    expect(page.locator(".board")).to_be_visible()
    page.wait_for_function("document.querySelector('.board-loading') === null")
    expect(page.locator(".offers")).to_have_count(0)


def test_what_needs_a_person_comes_first_and_leads_to_its_place(open_page: Opener, api: httpx.Client) -> None:
    group = person_group(api, "Billing migration", "Port the endpoints.")
    (request,) = asking(api, group)
    page = open_page("/")
    ask = page.locator(f'[data-request="{request["id"]}"]')
    expect(ask).to_contain_text("Your task")
    expect(ask).to_contain_text("Billing migration")
    expect(page).to_have_title(re.compile(r"^\(\d+\) Groups"))
    expect(card(page, group)).to_contain_text("1 needs you")
    first = page.evaluate(
        "document.querySelector('.board-needs').compareDocumentPosition(document.querySelector('.board-groups'))"
    )
    assert first & 4, "requests stand before the groups"
    ask.click()
    page.wait_for_url(f"**/groups/{group}?agent={request['agent']}")
    expect(page.locator(f'.item[data-request="{request["id"]}"]')).to_have_class(re.compile("item-open"))


def test_the_page_follows_a_group_without_being_loaded_again(
    open_page: Opener, api: httpx.Client, folder: Path
) -> None:
    page = open_page("/")
    expect(page.locator(".board-loading")).to_have_count(0)
    page.evaluate("window.here = true")
    group = survey(api, folder, pace=0, name="Followed")
    row = card(page, group)
    expect(row).to_contain_text("Followed")
    until_over(api, group)
    expect(row).to_contain_text("Finished")
    expect(row).to_contain_text("4 done")
    expect(row).to_contain_text(re.compile(r"took \d+ s"))
    assert page.evaluate("window.here"), "the page is the same one"


def test_a_request_that_was_answered_elsewhere_leaves_the_page(open_page: Opener, api: httpx.Client) -> None:
    group = person_group(api, "Answered elsewhere")
    (request,) = asking(api, group)
    page = open_page("/")
    ask = page.locator(f'[data-request="{request["id"]}"]')
    expect(ask).to_be_visible()
    done(api.post(f"/groups/{group}/cancel"))
    expect(ask).to_have_count(0)
    expect(card(page, group)).to_contain_text("Cancelled")


def test_one_that_waits_while_others_wait_for_it_comes_before_one_alone(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    alone = person_group(api, "Waits alone")
    asked = model_group(api, model, "conductor-1", "worker-9@0", policies={"write_file": "ask"})
    (single,), (blocking,) = asking(api, alone), asking(api, asked)
    page = open_page("/")
    expect(page.locator(f'[data-request="{blocking["id"]}"]')).to_contain_text("1 other waits")
    more = page.locator(".board-needs .board-more")
    if more.count():
        more.click()
    order = page.locator("[data-request]").evaluate_all("found => found.map((one) => one.dataset.request)")
    assert order.index(blocking["id"]) < order.index(single["id"])


def test_a_person_at_the_wheel_and_a_failure_stand_out_in_the_state_bar(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "endless")
    (root,) = agents(api, group)
    done(api.post(f"/agents/{root['id']}/take-over", json={"mode": "now"}))
    page = open_page("/")
    expect(card(page, group).locator('.board-loud[data-look="hum"]')).to_have_text("1 person drives")
    done(api.post(f"/groups/{group}/cancel"))


def test_among_many_groups_one_is_found_by_its_words_and_by_its_state(open_page: Opener, api: httpx.Client) -> None:
    for number in range(7):
        person_group(api, f"Draft number {number}", "zebra" if number == 3 else "", start=False)
    ended = person_group(api, "Ended one")
    done(api.post(f"/groups/{ended}/cancel"))
    page = open_page("/")
    page.get_by_label("Find a group").fill("number zebra")
    expect(page.locator(".board-card")).to_have_count(1)
    expect(page.locator(".board-card")).to_contain_text("Draft number 3")
    expect(page.locator(".board-bar [role=status]")).to_have_text("1 group shown")
    page.get_by_label("Find a group").fill("no such words")
    page.get_by_role("button", name="Show all", exact=True).click()
    page.get_by_role("button", name=re.compile("^Ended")).click()
    expect(card(page, ended)).to_be_visible()
    expect(page.locator(".board-card", has_text="Draft number 3")).to_have_count(0)


def test_times_are_those_of_the_viewers_zone(
    browser: Browser, faults: Faults, server: ServerProcess, api: httpx.Client
) -> None:
    group = person_group(api, "Zoned")
    at = done(api.get(f"/groups/{group}"))["started_at"]
    shown = []
    for zone in ("Asia/Tokyo", "America/Lima"):
        context = browser.new_context(timezone_id=zone)
        page = context.new_page()
        faults.watch(page)
        page.goto(server.url)
        stamp = card(page, group).locator("time")
        expected = page.evaluate(
            "ms => new Date(ms).toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit'})", at
        )
        expect(stamp).to_contain_text(expected)
        shown.append(expected)
        context.close()
    assert shown[0] != shown[1]


def test_hostile_names_and_goals_stay_words_and_break_no_layout(open_page: Opener, api: httpx.Client) -> None:
    group = person_group(api, HOSTILE + "W" * 60, HOSTILE + "x" * 10_000)
    for width in (1440, 1024, 390):
        page = open_page("/", width=width)
        expect(card(page, group)).to_contain_text(HOSTILE)
        expect(page.locator(".board-needs")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("window.pwned") is None
        assert page.locator(".board img, .board b > img").count() == 0


def test_every_group_is_reached_and_opened_with_the_keyboard(open_page: Opener, api: httpx.Client) -> None:
    group = person_group(api, "By keyboard", start=False)
    page = open_page("/")
    expect(card(page, group)).to_be_visible()
    keyboard_focus(page, f'[data-group="{group}"]')
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/groups/{group}")
