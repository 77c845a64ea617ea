"""What agents ask of people: answered from the inbox, once, whoever is faster, and no word of the slower one lost."""

from __future__ import annotations

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import (
    Json,
    agent,
    agents,
    asking,
    done,
    item_of,
    model_group,
    person,
    transcript,
    until_over,
    wait_for,
)
from inbox_steps import sit_down
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess

MINE = "Coffee, and plenty of it: the night is long."


@pytest.fixture(scope="module")
def anna(api: httpx.Client) -> str:
    """Another person of the house."""
    return person(api, "Anna")


def question(api: httpx.Client, model: ModelProcess) -> tuple[str, Json]:
    """A group whose conductor asks a person a question, and the request."""
    group = model_group(api, model, "asker@0")
    return group, asking(api, group)[0]


def leave_asked_for(api: httpx.Client, model: ModelProcess) -> tuple[str, Json]:
    """A group whose worker may not write a file without leave, and the request."""
    group = model_group(api, model, "conductor-1@0", "worker-9@0", policies={"write_file": "ask"})
    return group, asking(api, group)[0]


def begin_answer(page: Page, request: Json, words: str) -> None:
    """Opens the question in the inbox and writes an answer, without sending it."""
    item = item_of(page, request)
    item.locator(".item-name").click()
    item.get_by_label("Your answer to").fill(words)


def settle(api: httpx.Client, request: Json, who: str, body: Json) -> None:
    """Somebody else takes the request, whoever has it, and answers it."""
    for what, given in (("assign", {}), ("answer", body)):
        done(api.post(f"/requests/{request['id']}/{what}", json=given, headers={"X-Claw-Person": who}))


def answered(api: httpx.Client, group: str, request: Json) -> Json:
    """The request as it is on record, once it is settled."""

    def look() -> Json | None:
        closed: list[Json] = done(api.get("/requests", params={"group": group, "state": "closed"}))["requests"]
        return next((one for one in closed if one["id"] == request["id"]), None)

    found: Json = wait_for(look, "the answer on record")
    return found


def written_by(api: httpx.Client, group: str) -> list[str]:
    """What the group's sub-agent has in its folder."""
    child = next(tile for tile in agents(api, group) if tile["parent"])
    return [file["path"] for file in done(api.get(f"/agents/{child['id']}/files"))["files"]]


def test_an_agents_question_is_answered_in_the_inbox_and_it_goes_on(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, request = question(api, model)
    page = open_page(f"/groups/{group}")
    item = item_of(page, request)
    expect(item).to_contain_text("Tea or coffee?")
    item.get_by_role("button", name="Answer").click()
    box = item.get_by_label("Your answer to")
    expect(box).to_be_focused()
    expect(item.get_by_role("button", name="Send")).to_be_disabled()
    page.keyboard.type("Tea, please.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".inbox-none")).to_be_visible()
    until_over(api, group)
    root = agents(api, group)[0]["id"]
    told = [entry for entry in transcript(api, root) if entry["role"] == "tool"]
    assert [(entry["content"], entry["by"]) for entry in told] == [("Tea, please.", "you")]
    expect(page.locator(".result-words")).to_contain_text("it will be Tea, please.")


def test_a_question_is_answered_on_a_telephone(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group, request = question(api, model)
    page = open_page(f"/groups/{group}", width=390, height=844)
    item = item_of(page, request)
    item.get_by_role("button", name="Answer").click()
    expect(item.get_by_label("Your answer to")).to_be_focused()
    expect(page.locator(".drawer")).to_be_hidden()  # it would cover what is being answered
    page.keyboard.type("Tea, please.")
    item.get_by_role("button", name="Send").click()
    expect(item).to_have_count(0)
    until_over(api, group)
    assert answered(api, group, request)["text"] == "Tea, please."


def test_of_two_who_answer_a_question_the_second_sees_by_whom_and_keeps_their_words(
    open_page: Opener, api: httpx.Client, model: ModelProcess, anna: str
) -> None:
    group, request = question(api, model)
    slower, faster = open_page(f"/groups/{group}"), sit_down(open_page, anna, f"/groups/{group}")
    begin_answer(slower, request, MINE)
    item_of(faster, request).get_by_role("button", name="Take it").click()
    begin_answer(faster, request, "Tea, please.")
    item_of(faster, request).get_by_role("button", name="Send").click()
    expect(faster.locator(".inbox-none")).to_be_visible()

    item = item_of(slower, request)
    expect(item.get_by_role("status")).to_have_text("Anna settled this: Answer – “Tea, please.”")
    left = item.get_by_label("Your words were not sent")
    expect(left).to_have_value(MINE)
    expect(item.get_by_role("button", name="Send")).to_have_count(0)
    expect(slower.locator(".inbox .count")).to_have_text("0")
    assert (answered(api, group, request)["by"], answered(api, group, request)["text"]) == (anna, "Tea, please.")
    item.get_by_role("button", name="Put away").click()
    expect(slower.locator(".inbox-none")).to_be_visible()


def test_an_answer_that_comes_too_late_is_refused_with_the_name_of_who_was_faster(
    open_page: Opener, api: httpx.Client, model: ModelProcess, faults: Faults, anna: str
) -> None:
    faults.allow("409")
    group, request = question(api, model)
    page = open_page(f"/groups/{group}")
    begin_answer(page, request, MINE)
    # The answer of the other is on record before this page hears of it: its own is sent, and refused.
    with page.expect_response(f"**/requests/{request['id']}/answer") as refusal:
        body = {"decision": "answer", "text": "Tea, please."}
        page.route(
            f"**/requests/{request['id']}/answer",
            lambda route: (
                settle(api, request, anna, body),
                route.continue_(),
            ),
        )
        item_of(page, request).get_by_role("button", name="Send").click()
    assert refusal.value.status == 409
    item = item_of(page, request)
    expect(item.get_by_role("status")).to_contain_text("Anna settled this")
    expect(item.get_by_label("Your words were not sent")).to_have_value(MINE)


def test_who_writes_reasons_in_a_dialog_sees_that_another_approved_and_keeps_them(
    open_page: Opener, api: httpx.Client, model: ModelProcess, anna: str
) -> None:
    group, request = leave_asked_for(api, model)
    slower, faster = open_page(f"/groups/{group}"), sit_down(open_page, anna, f"/groups/{group}")
    item_of(slower, request).get_by_role("button", name="Deny").click()
    dialog = slower.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("This folder is not ours to write in.")
    item_of(faster, request).get_by_role("button", name="Take it").click()
    item_of(faster, request).get_by_role("button", name="Approve once").click()
    expect(item_of(faster, request)).to_have_count(0)

    expect(dialog.get_by_role("alert").last).to_have_text("Anna settled this: Approve.")
    expect(dialog.get_by_label("Reason")).to_have_value("This folder is not ours to write in.")
    expect(dialog.get_by_role("button", name="Deny", exact=True)).to_be_disabled()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    until_over(api, group)
    assert answered(api, group, request)["by"] == anna
    assert "note.txt" in written_by(api, group)


def test_on_the_take_over_screen_too_the_slower_one_keeps_their_words(
    open_page: Opener, api: httpx.Client, model: ModelProcess, anna: str
) -> None:
    _, request = question(api, model)
    page = open_page(f"/agents/{request['agent']}/drive")
    card = page.locator(f'.ask[data-request="{request["id"]}"]')
    card.get_by_role("button", name="Answer").click()
    card.get_by_label("Your words").fill(MINE)
    body = {"decision": "answer", "text": "Tea, please."}
    settle(api, request, anna, body)
    expect(card.get_by_role("status")).to_have_text("Anna settled this: Answer – “Tea, please.”")
    expect(card.get_by_label("Your words were not sent")).to_have_value(MINE)
    card.get_by_role("button", name="Put away").click()
    expect(card).to_have_count(0)


def test_an_answer_on_the_take_over_screen_reaches_the_agent(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, request = question(api, model)
    page = open_page(f"/agents/{request['agent']}/drive")
    card = page.locator(f'.ask[data-request="{request["id"]}"]')
    expect(card).to_contain_text("Tea or coffee?")
    card.get_by_role("button", name="Answer").click()
    card.get_by_label("Your words").fill("Water.")
    card.get_by_role("button", name="Answer").click()
    expect(card).to_have_count(0)
    expect(page.locator(".thread")).to_contain_text("it will be Water.")
    until_over(api, group)
    assert agent(api, request["agent"])["state"] == "done"


def test_half_written_answers_survive_a_reload_and_another_selection(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, request = question(api, model)
    page = open_page(f"/groups/{group}")
    begin_answer(page, request, MINE)
    page.locator("#steer-text").fill("And look at the cups.")
    page.get_by_role("button", name="Close (Esc)").click()
    page.reload()
    item = item_of(page, request)
    item.locator(".item-name").click()
    expect(item.get_by_label("Your answer to")).to_have_value(MINE)
    expect(page.locator("#steer-text")).to_have_value("And look at the cups.")
    item.get_by_role("button", name="Send").click()
    expect(item).to_have_count(0)
    until_over(api, group)
    assert page.evaluate("Object.values(localStorage).filter((words) => words.includes('night is long'))") == []


def test_words_for_a_question_that_was_settled_while_the_page_was_away_are_shown_again(
    open_page: Opener, api: httpx.Client, model: ModelProcess, anna: str
) -> None:
    group, request = question(api, model)
    page = open_page(f"/groups/{group}")
    begin_answer(page, request, MINE)
    page.goto(page.url.split("/groups/")[0])
    body = {"decision": "answer", "text": "Tea, please."}
    settle(api, request, anna, body)
    page.goto(f"{page.url.rstrip('/')}/groups/{group}")
    item = item_of(page, request)
    expect(item.get_by_role("status")).to_contain_text("Anna settled this: Answer")
    expect(item.get_by_label("Your words were not sent")).to_have_value(MINE)
    item.get_by_role("button", name="Put away").click()
    expect(item).to_have_count(0)


def test_the_same_on_the_take_over_screen_and_not_for_what_was_sent(
    open_page: Opener, api: httpx.Client, model: ModelProcess, anna: str
) -> None:
    _, request = question(api, model)
    page = open_page(f"/agents/{request['agent']}/drive")
    card = page.locator(f'.ask[data-request="{request["id"]}"]')
    card.get_by_role("button", name="Answer").click()
    card.get_by_label("Your words").fill(MINE)
    address = page.url
    page.goto(address.split("/agents/")[0])
    body = {"decision": "answer", "text": "Tea, please."}
    settle(api, request, anna, body)
    page.goto(address)
    expect(card.get_by_role("status")).to_contain_text("Anna settled this: Answer")
    expect(card.get_by_label("Your words were not sent")).to_have_value(MINE)

    _, sent = question(api, model)
    page.goto(address.replace(request["agent"], sent["agent"]))
    card = page.locator(f'.ask[data-request="{sent["id"]}"]')
    card.get_by_role("button", name="Answer").click()
    card.get_by_label("Your words").fill("Water.")
    card.get_by_role("button", name="Answer").click()
    expect(card).to_have_count(0)
    page.reload()
    expect(page.locator(".wheel")).to_be_visible()
    expect(page.locator(".ask-left")).to_have_count(0)


def test_what_was_answered_in_the_drawer_is_no_news_in_the_inbox(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, request = leave_asked_for(api, model)
    page = open_page(f"/groups/{group}")
    item = item_of(page, request)
    item.locator(".item-name").click()
    page.locator(".drawer").get_by_role("button", name="Approve once").click()
    expect(item).to_have_count(0)
    until_over(api, group)
    assert answered(api, group, request)["by"] == "you"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a": [1, 2.5]}', '{\n  "a": [\n    1,\n    2.5\n  ]\n}'),
        ('{"id": 12345678901234567890}', '{"id": 12345678901234567890}'),
        ("{broken", "{broken"),
        ("7 apples", "7 apples"),
    ],
)
def test_arguments_are_laid_out_and_never_changed(open_page: Opener, text: str, shown: str) -> None:
    page = open_page("/")
    assert page.evaluate("async (text) => (await import('/claw/words.js')).pretty(text)", text) == shown
