"""The needs-you inbox as it is used: folded by cause, answered in bulk, put off, and read again later."""

from __future__ import annotations

import re

import httpx
import pytest
from browser_faults import Opener
from browser_steps import asking, done, item_of, person, until_over
from inbox_steps import SAME, Swarms, answers_of, count_is, has_it, same_of, writes
from playwright.sync_api import Page, expect

MINUTE_MS = 60_000
# As a tab that has been behind another for a while: it is hidden, and is not told so when it goes.
BEHIND = """() => {
  Object.defineProperty(document, "hidden", { get: () => true });
  addEventListener("visibilitychange", (event) => event.stopImmediatePropagation(), true);
}"""


@pytest.fixture(scope="module")
def anna(api: httpx.Client) -> str:
    """Another person of the house."""
    return person(api, "Anna")


@pytest.fixture(scope="module")
def swarms(api: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Swarms:
    """Groups whose sub-agents ask what a test says."""
    return Swarms(api, tmp_path_factory.mktemp("gates"))


def test_the_same_question_of_many_is_one_item_and_one_answer(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, requests = swarms.asking(SAME, SAME, SAME, SAME, SAME, writes("other.txt"))
    page = open_page(f"/groups/{group}")
    same = same_of(page)
    expect(same).to_have_count(1)
    expect(same).to_contain_text("5 sub-agents ask the same")
    count_is(page, 6)
    expect(page.locator(".item[data-request]")).to_have_count(1)
    first = page.locator(".inbox-list > .item").first
    expect(first).to_have_class(re.compile("item-same"))  # five that wait cost more than one
    same.get_by_role("button", name="Show each").click()
    expect(page.locator(".item-inside")).to_have_count(5)
    same.get_by_role("button", name="Approve all 5").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Approve 5 requests?")
    expect(dialog).to_contain_text("cannot be undone")
    dialog.get_by_role("button", name="Approve 5").click()
    expect(page.locator(".bulk-words")).to_have_text("5 requests approved.")
    count_is(page, 1)
    expect(same).to_have_count(0)
    given = answers_of(api, group)
    assert [(one["decision"], one["scope"]) for one in given] == [("approve", "once")] * 5
    odd = next(one for one in requests if "other.txt" in one["arguments"])
    assert [one["id"] for one in asking(api, group)] == [odd["id"]]


def test_leave_for_the_whole_group_answers_the_others_without_a_refusal(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, _ = swarms.asking(SAME, SAME, SAME)
    page = open_page(f"/groups/{group}")
    same_of(page).locator(".item-name").click()
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("For how long").select_option("group")
    dialog.get_by_role("button", name="Approve 3").click()
    expect(page.locator(".bulk-words")).to_have_text("3 requests approved.")
    expect(page.locator(".bulk-refused")).to_have_count(0)
    until_over(api, group)
    assert done(api.get("/requests", params={"group": group}))["requests"] == []
    assert [(one["decision"], one["scope"]) for one in answers_of(api, group)] == [("approve", "group")] * 3


def test_a_selection_is_denied_and_what_another_has_stays_as_it_is(
    open_page: Opener, api: httpx.Client, swarms: Swarms, anna: str
) -> None:
    group, requests = swarms.asking(*(writes(f"{n}.txt") for n in range(4)))
    hers = requests[2]
    done(api.post(f"/requests/{hers['id']}/assign", json={}, headers={"X-Claw-Person": anna}))
    page = open_page(f"/groups/{group}")
    for request in requests[1:]:
        item_of(page, request).get_by_role("checkbox").check()
    bar = page.get_by_role("group", name="Selected requests")
    expect(bar).to_contain_text("3 selected")
    bar.get_by_role("button", name="Deny 3").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Deny 2 requests?")
    expect(dialog).to_contain_text("1 other stays open: other people have them.")
    dialog.get_by_label("Reason").fill("Not in this folder.")
    dialog.get_by_role("button", name="Deny 2").click()
    expect(page.locator(".bulk-words")).to_have_text("2 requests denied.")
    count_is(page, 2)
    expect(bar).to_have_count(0)
    assert {one["id"]: one["text"] for one in answers_of(api, group)} == {
        requests[n]["id"]: "Not in this folder." for n in (1, 3)
    }


def test_what_is_snoozed_stays_away_over_a_reload_and_wakes_by_itself(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, (first, second) = swarms.asking(writes("x.txt"), writes("y.txt"))
    page = open_page("/members")
    page.clock.install()
    page.goto(f"{page.url.split('/members')[0]}/groups/{group}")
    item_of(page, first).locator(".item-name").click()
    page.keyboard.press("z")
    page.get_by_role("dialog").get_by_role("button", name="Snooze").click()
    expect(item_of(page, first)).to_have_count(0)
    count_is(page, 1)
    page.reload()
    expect(item_of(page, second)).to_be_visible()
    expect(item_of(page, first)).to_have_count(0)
    page.get_by_role("button", name="Snoozed (1)").click()
    expect(item_of(page, first)).to_contain_text("Wakes in 5 min")
    page.get_by_role("button", name="Open").click()
    page.clock.fast_forward(6 * MINUTE_MS)
    expect(item_of(page, first)).to_be_visible()
    count_is(page, 2)
    other = open_page(f"/groups/{group}")
    expect(item_of(other, first)).to_be_visible()


def test_until_i_come_back_is_over_when_one_was_away_and_not_by_a_reload(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, (request,) = swarms.asking(writes("z.txt"))
    page = open_page("/members")
    page.clock.install()
    address = f"{page.url.split('/members')[0]}/groups/{group}"
    page.goto(address)
    item_of(page, request).locator(".item-name").click()
    item_of(page, request).get_by_role("button", name="Snooze…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("For how long").select_option("back")
    dialog.get_by_role("button", name="Snooze").click()
    expect(page.locator(".inbox-none")).to_contain_text("Everything else is snoozed.")
    page.reload()
    expect(page.get_by_role("button", name="Snoozed (1)")).to_be_visible()
    page.goto("about:blank")
    page.clock.fast_forward(5 * MINUTE_MS)
    page.goto(address)
    expect(item_of(page, request)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Snoozed"))).to_have_count(0)


def test_what_was_answered_is_read_again_with_who_and_how_long_it_waited(
    open_page: Opener, api: httpx.Client, swarms: Swarms, anna: str
) -> None:
    group, requests = swarms.asking(*(writes(f"file-{n:02}.txt") for n in range(3)))
    for request, who, body in (
        (requests[0], "you", {"decision": "approve"}),
        (requests[1], anna, {"decision": "deny", "text": "<b>Not</b> that one."}),
    ):
        done(api.post(f"/requests/{request['id']}/answer", json=body, headers={"X-Claw-Person": who}))
    page = open_page(f"/groups/{group}")
    page.get_by_role("button", name="Answered").click()
    answers = page.locator("[data-answer]")
    expect(answers).to_have_count(2)
    expect(answers.first).to_contain_text("Anna: Deny – “<b>Not</b> that one.”")
    expect(answers.first).to_contain_text(re.compile(r"waited \d+ (s|min)"))
    expect(answers.last).to_contain_text("You: Approve")
    page.get_by_label("By", exact=True).select_option(label="Anna · 1")
    expect(answers).to_have_count(1)
    page.get_by_label("By", exact=True).select_option("")
    done(api.post(f"/requests/{requests[2]['id']}/answer", json={"decision": "approve"}))
    expect(answers).to_have_count(3)
    expect(answers.first).to_have_attribute("data-answer", requests[2]["id"])


def test_the_keyboard_selects_snoozes_claims_and_says_so_in_the_help(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, requests = swarms.asking(writes("k1.txt"), writes("k2.txt"))
    page = open_page(f"/groups/{group}")
    expect(page.locator(".item[data-request]")).to_have_count(2)
    first = page.locator(".item[data-request]").first.get_attribute("data-request")
    request = next(one for one in requests if one["id"] == first)
    page.keyboard.press("j")
    expect(item_of(page, request)).to_have_class(re.compile("item-open"))
    page.keyboard.press("c")
    expect(item_of(page, request).locator(".claim")).to_contain_text("You have it")
    has_it(api, group, request, "you")
    page.keyboard.press("c")
    has_it(api, group, request, "")
    page.keyboard.press("x")
    expect(item_of(page, request).get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("x")
    expect(item_of(page, request).get_by_role("checkbox")).not_to_be_checked()
    page.keyboard.press("?")
    for words in ("Select it", "Snooze it", "Claim it"):
        expect(page.get_by_role("dialog")).to_contain_text(words)
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    count_is(page, 1)
    assert [one["id"] for one in answers_of(api, group)] == [request["id"]]


def test_nothing_moves_while_one_looks_and_a_long_list_comes_in_pages(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, requests = swarms.asking(*(writes(f"many-{n:02}.txt") for n in range(56)))
    page = open_page(f"/groups/{group}")
    rows = page.locator(".item[data-request]")
    expect(rows).to_have_count(50)
    order = _order(page)
    last = next(one for one in requests if one["id"] == order[-1])
    done(api.post(f"/requests/{last['id']}/assign", json={}))
    expect(item_of(page, last).locator(".claim")).to_contain_text("You have it")
    assert _order(page) == order
    page.get_by_role("button", name="Show 6 more").click()
    expect(rows).to_have_count(56)


def _order(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(".item[data-request]", "all => all.map(e => e.dataset.request)")
    return found


def test_home_and_group_show_the_same_causes_in_the_same_order(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, _ = swarms.asking(writes("lone.txt"), SAME, SAME, SAME)
    page = open_page(f"/groups/{group}")
    expect(same_of(page)).to_contain_text("3 sub-agents ask the same")
    home = open_page("/")
    expect(home.locator(".board-needs")).to_be_visible()
    if home.locator(".board-more").count():
        home.locator(".board-more").click()
    mine = home.locator(f'.board-ask[href*="{group}"]')
    expect(mine).to_have_count(2)
    expect(mine.first).to_contain_text("3 sub-agents ask the same")
    expect(page.locator(".inbox-list > .item").first).to_have_class(re.compile("item-same"))


def test_on_a_telephone_the_inbox_comes_first_and_approve_works(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, requests = swarms.asking(SAME, SAME, writes("t.txt"))
    page = open_page(f"/groups/{group}", width=390, height=844)
    expect(same_of(page)).to_be_visible()
    lone = next(one for one in requests if "t.txt" in one["arguments"])
    item_of(page, lone).get_by_role("button", name="Approve once").click()
    expect(item_of(page, lone)).to_have_count(0)
    same_of(page).get_by_role("button", name="Approve all 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve 2").click()
    until_over(api, group)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert len(answers_of(api, group)) == 3


def test_a_tab_that_closes_behind_the_one_in_use_is_no_going_away(
    open_page: Opener, api: httpx.Client, swarms: Swarms
) -> None:
    group, (request,) = swarms.asking(writes("tabs.txt"))
    page = open_page(f"/groups/{group}")
    expect(item_of(page, request)).to_be_visible()
    behind = page.context.new_page()
    behind.goto(page.url)
    expect(item_of(behind, request)).to_be_visible()
    behind.evaluate(BEHIND)
    behind.goto("about:blank")
    left = "() => Object.keys(localStorage).filter((name) => name.startsWith('claw-left:'))"
    assert page.evaluate(left) == []
    page.goto(f"{page.url.split('/groups')[0]}/claw/icon.svg")
    assert len(page.evaluate(left)) == 1, "who leaves the tab in use has left"
