"""A person takes the wheel of a running sub-agent in the browser, works in its place, and hands it back."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from browser_faults import Opener
from browser_steps import (
    agent,
    at_the_wheel,
    done,
    keyboard_focus,
    model_group,
    person,
    survey,
    take_the_wheel,
    transcript,
    until_over,
    until_state,
    wait_for,
    worker_at_work,
)
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess

NOTE = "The note file holds what matters; go on from it."


def open_and_take_over(page: Page, api: httpx.Client, group: str) -> str:
    """On the open page of a running group: watches a sub-agent stream, then takes it over with the key T."""
    tile = worker_at_work(api, group)
    page.locator(f'.tile[data-id="{tile["id"]}"]').click()
    expect(page.locator(".drawer .live-text")).to_contain_text(" ")
    page.keyboard.press("t")
    page.wait_for_url(f"**/agents/{tile['id']}/drive")
    at_the_wheel(page)
    return str(tile["id"])


def run_write_file(page: Page, path: str, content: str) -> None:
    """Calls the tool write_file by its form, and sees its result in the thread."""
    page.get_by_role("button", name="write_file", exact=True).click()
    page.get_by_label("path").fill(path)
    page.get_by_label("content").fill(content)
    page.get_by_role("button", name="Run write_file").click()
    call = page.locator('.call[data-call="write_file"]').filter(has_text=path).last
    expect(call).to_have_attribute("data-fate", "done")
    expect(call.locator(".call-result")).to_contain_text(f"Wrote {path}")


def write_a_turn(page: Page, words: str) -> None:
    """Writes a turn and sees it in the thread."""
    page.get_by_label("Your turn, or the result").fill(words)
    page.get_by_role("button", name="Write the turn").click()
    expect(page.locator(".thread .by-human .words").filter(has_text=words)).to_be_visible()


def hand_back(page: Page, note: str) -> str:
    """Hands back with a note; returns what the page said the agent would be told."""
    page.locator('.wheel [data-act="give"]').click()
    page.get_by_label("Your note to it").fill(note)
    told = page.locator("[data-told]")
    expect(told).to_contain_text(note)
    text = str(told.text_content())
    page.locator('[data-act="back"]').click()
    expect(page.locator(".wheel")).not_to_have_attribute("data-mode", "mine")
    return text


def check_record(api: httpx.Client, agent_id: str, told: str, words: str) -> None:
    """The thread holds the record exactly as it was shown, and the person's call and turn under their name."""
    thread = transcript(api, agent_id)
    records = [entry["content"] for entry in thread if entry["kind"] == "hand_back"]
    assert records == [told]
    mine = [entry for entry in thread if entry["by"] == "you" and entry["role"] == "assistant"]
    assert [call["name"] for entry in mine for call in entry["calls"]] == ["write_file"]
    assert [entry["content"] for entry in mine if entry["content"]] == [words]
    calls = {call["id"] for entry in mine for call in entry["calls"]}
    assert [entry["fate"] for entry in thread if entry["call_id"] in calls] == ["done"]


def test_a_streaming_model_is_taken_over_worked_for_and_handed_back(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-2", "worker-180@12", start=False)
    page = open_page(f"/groups/{group}")
    page.get_by_role("button", name="Start", exact=True).click()
    agent_id = open_and_take_over(page, api, group)

    proof = page.locator(".wheel-proof")
    expect(proof).to_contain_text("stands still: its turn was cut off")
    expect(proof).to_contain_text("0 left")
    task = agent(api, agent_id)["task"]
    streams = [heard for heard in model.report()["requests"] if heard["about"] and heard["about"] in task]
    assert streams
    assert streams[-1]["aborted"], "the model server did not see the abort"
    expect(page.locator(".line.unfinished")).to_contain_text("this turn was interrupted")

    run_write_file(page, "from-a-person.txt", "A person wrote this.\n")
    expect(page.locator('.drive-tab[data-panel="files"]')).to_have_attribute("data-count", "1")
    write_a_turn(page, "I looked at the folder myself.")
    told = hand_back(page, NOTE)
    assert "from-a-person.txt" in told
    expect(page.locator(".wheel h2")).to_contain_text("drives")
    diff = page.locator(".thread .code", has_text="/dev/null").first
    expect(diff).to_contain_text("from-a-person.txt")
    assert "--- /dev/null\n+++ b/from-a-person.txt" in diff.inner_text(), "each line of a diff stands alone"

    assert until_state(api, agent_id, "done", "failed", "cancelled")["state"] == "done"
    check_record(api, agent_id, told, "I looked at the folder myself.")
    expect(page.locator(".wheel h2")).to_contain_text("It has finished its task")
    assert until_over(api, group)["counts"]["done"] == 3


def test_a_survey_s_program_is_taken_over_and_its_report_tells_of_the_person(
    open_page: Opener, api: httpx.Client, folder: Path
) -> None:
    group = survey(api, folder, pace=3)
    page = open_page(f"/groups/{group}")
    agent_id = open_and_take_over(page, api, group)
    expect(page.locator(".wheel-proof")).to_contain_text("Survey worker stands still")
    expect(page.locator(".wheel-proof")).to_contain_text("0 left")
    run_write_file(page, "from-a-person.txt", "A person wrote this.\n")
    write_a_turn(page, "This file matters most.")
    told = hand_back(page, NOTE)
    assert until_state(api, agent_id, "done", "failed", "cancelled")["state"] == "done"
    check_record(api, agent_id, told, "This file matters most.")
    until_over(api, group)
    report = api.get(f"/groups/{group}/files/survey.md")
    assert report.status_code == 200
    assert "hello.py" in report.text
    assert NOTE in report.text


def test_everything_at_the_wheel_can_be_done_with_the_keyboard_alone(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive")
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "free")
    page.keyboard.press("t")
    at_the_wheel(page)
    keyboard_focus(page, '[data-tool="write_file"]')
    page.keyboard.press("Enter")
    keyboard_focus(page, '[data-field="path"] input')
    page.keyboard.type("keys.txt")
    keyboard_focus(page, '[data-field="content"] textarea')
    page.keyboard.type("typed")
    page.keyboard.press("Control+Enter")
    expect(page.locator('.call[data-call="write_file"]').last).to_have_attribute("data-fate", "done")
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    expect(page.get_by_label("Your note to it")).to_be_focused()
    page.keyboard.type("Done by keyboard.")
    expect(page.locator('[data-act="back"]')).to_be_enabled()  # the last call's end has reached the page
    page.keyboard.press("Control+Enter")
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "free")
    record = next(entry for entry in transcript(api, tile["id"]) if entry["kind"] == "hand_back")
    assert "Done by keyboard." in record["content"]
    done(api.post(f"/groups/{group}/cancel"))


def test_the_wheel_of_another_person_is_read_only_in_a_second_browser(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    anna = person(api, "Anna")
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    as_anna = {"X-Claw-Person": anna}
    taken = done(api.post(f"/agents/{tile['id']}/take-over", json={}, headers=as_anna))
    page = open_page(f"/agents/{tile['id']}/drive")
    expect(page.locator(".wheel h2")).to_have_text("Anna holds the wheel; you watch")
    expect(page.get_by_text("Read only: Anna drives.")).to_be_visible()
    for words in page.locator(".drive-side textarea").all():
        expect(words).to_be_hidden()
    expect(page.locator(".wheel-acts button")).to_have_count(0)
    page.keyboard.press("t")
    body = {"epoch": taken["epoch"], "content": "Anna wrote this."}
    wait_for(lambda: agent(api, tile["id"])["state"] == "driving", "the proof of the stop")
    done(api.post(f"/agents/{tile['id']}/steps", json=body, headers=as_anna))
    expect(page.locator(".thread .by-human").filter(has_text="Anna wrote this.")).to_be_visible()
    assert agent(api, tile["id"])["driver"]["id"] == anna
    group_page = open_page(f"/groups/{group}?agent={tile['id']}")
    expect(group_page.locator(".drawer-acts a").first).to_have_text("Watch Anna")
    expect(group_page.locator(".composer")).to_have_count(0)
    done(api.post(f"/groups/{group}/cancel"))


def test_unsent_words_and_a_half_filled_form_survive_a_reload(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive")
    take_the_wheel(page)
    page.get_by_role("button", name="Use as a start").click()
    turn = page.get_by_label("Your turn, or the result")
    expect(turn).not_to_have_value("")
    started = turn.input_value()
    assert started in page.locator(".line.unfinished .words").inner_text()
    turn.fill(f"{started} and more")
    page.get_by_role("button", name="write_file", exact=True).click()
    page.get_by_label("path").fill("half.txt")
    page.locator('.wheel [data-act="give"]').click()
    page.get_by_label("Your note to it").fill("Half a note")
    expect(page.locator("[data-told]")).to_contain_text("Half a note")
    page.reload()
    at_the_wheel(page)
    expect(page.get_by_label("Your turn, or the result")).to_have_value(f"{started} and more")
    expect(page.get_by_label("path")).to_have_value("half.txt")
    page.locator('.wheel [data-act="give"]').click()
    expect(page.get_by_label("Your note to it")).to_have_value("Half a note")
    expect(page.locator("[data-told]")).to_contain_text("Half a note")
    done(api.post(f"/groups/{group}/cancel"))


def test_a_task_is_passed_on_to_another_person_from_the_wheel(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    ben = person(api, "Ben")
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive")
    take_the_wheel(page)
    page.locator('.drive-tab[data-panel="give"]').click()
    onward = page.locator(".drive-card").filter(has=page.get_by_role("heading", name="Pass on"))
    onward.locator("select").select_option(ben)
    onward.get_by_label("Why").fill("Ben knows this folder.")
    onward.get_by_role("button", name="Give it to them").click()
    expect(page.locator(".wheel h2")).to_have_text("Ben holds the wheel; you watch")
    assert agent(api, tile["id"])["driver"]["id"] == ben
    record = next(entry for entry in transcript(api, tile["id"]) if entry["kind"] == "reassign")
    assert "Ben knows this folder." in record["content"]
    done(api.post(f"/groups/{group}/cancel"))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_take_over_screen_fits_a_telephone(
    open_page: Opener, api: httpx.Client, model: ModelProcess, theme: str
) -> None:
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive", width=390, height=844, theme=theme)
    take_the_wheel(page)
    run_write_file(page, "small.txt", "from a telephone")
    trail, buttons = page.locator(".crumbs").bounding_box(), page.locator(".top-end").bounding_box()
    assert trail is not None
    assert buttons is not None
    assert abs(trail["y"] + trail["height"] / 2 - buttons["y"] - buttons["height"] / 2) < 10, "they share a row"
    for panel in ("files", "give", "about", "work"):
        page.evaluate("scrollTo(0, 0)")
        page.locator(f'.drive-tab[data-panel="{panel}"]').click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        place = page.locator(".drive-side").bounding_box()
        assert place is not None
        assert place["y"] < 120, "the panel that was chosen is what one sees"
    done(api.post(f"/groups/{group}/cancel"))
