"""What a sub-agent delivers is accepted, or goes back with reasons, from the page."""

from __future__ import annotations

import httpx
from browser_faults import Opener
from browser_steps import (
    agent,
    done,
    item_of,
    model_group,
    transcript,
    until_over,
    until_request,
    until_state,
    wait_for,
)
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess

REASONS = "Name the size of every file, too."


def delivered(api: httpx.Client, model: ModelProcess) -> tuple[str, str]:
    """A group and its worker, which has delivered and waits for a review."""
    group = model_group(api, model, "reviewed-1@0", "worker-9@0")
    request = until_request(api, group, "review")
    return group, str(request["agent"])


def send_back(page: Page, reasons: str) -> None:
    """Writes the reasons in the dialog and sends them."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Send back").click()
    expect(dialog.get_by_role("alert").first).to_have_text("This is needed.")
    dialog.get_by_label("What must change").fill(reasons)
    dialog.get_by_role("button", name="Send back").click()
    expect(dialog).to_have_count(0)


def test_a_deliverable_is_sent_back_with_reasons_worked_on_and_then_accepted(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, worker = delivered(api, model)
    first = until_request(api, group, "review", worker)
    page = open_page(f"/groups/{group}")
    item = item_of(page, first)
    expect(item).to_contain_text("Review")
    item.locator(".item-name").click()
    expect(item.locator(".item-detail")).to_contain_text("Result:")
    item.get_by_role("button", name="Send back").click()
    send_back(page, REASONS)
    expect(item).to_have_count(0)

    # It hears the reasons, works on and delivers anew.
    second = wait_for(lambda: until_request(api, group, "review", worker)["id"] != first["id"], "the second delivery")
    assert second
    again = until_request(api, group, "review", worker)
    item = item_of(page, again)
    item.locator(".item-name").click()
    expect(item.locator(".item-detail")).to_contain_text(f"mended, since I was told: {REASONS}")
    thread = transcript(api, worker)
    told = [entry for entry in thread if entry["role"] == "user" and REASONS in entry["content"]]
    assert [(entry["by"], entry["content"]) for entry in told] == [("you", f"Your result was not accepted:\n{REASONS}")]
    assert "reasons.txt" in [file["path"] for file in done(api.get(f"/agents/{worker}/files"))["files"]]
    page.get_by_role("tab", name="Thread").click()
    expect(page.locator(".drawer .thread")).to_contain_text("Your result was not accepted:")

    item.get_by_role("button", name="Accept").click()
    expect(page.locator(".inbox-none")).to_be_visible()
    assert until_state(api, worker, "done")["state"] == "done"
    until_over(api, group)
    parent = transcript(api, agent(api, worker)["parent"])
    results = [entry["content"] for entry in parent if entry["role"] == "tool" and entry["name"] == "assign_task"]
    assert results == [f"Result: mended, since I was told: {REASONS}"], "the parent gets what was accepted, once"


def test_a_deliverable_is_accepted_from_the_drawer(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group, worker = delivered(api, model)
    page = open_page(f"/groups/{group}?agent={worker}")
    card = page.locator(".drawer .ask-card")
    expect(card.get_by_role("heading")).to_contain_text("Delivers its work for review")
    card.get_by_role("button", name="Accept").click()
    expect(card).to_have_count(0)
    expect(page.locator(".drawer .live-text")).to_contain_text("Result:")
    assert until_state(api, worker, "done")["state"] == "done"
    until_over(api, group)


def test_the_work_is_sent_back_from_the_take_over_screen(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, worker = delivered(api, model)
    page = open_page(f"/agents/{worker}/drive")
    card = page.locator(".ask")
    card.get_by_role("button", name="Send back").click()
    card.get_by_role("button", name="Send back").click()
    expect(card.get_by_role("alert")).to_have_text("This is needed.")
    card.get_by_label("Your words").fill(REASONS)
    card.get_by_role("button", name="Send back").click()
    expect(page.locator(".thread")).to_contain_text("mended, since I was told")
    card.get_by_role("button", name="Accept").click()
    expect(page.locator(".wheel h2")).to_have_text("It has finished its task")
    until_over(api, group)
