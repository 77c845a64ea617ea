"""What a quick hand does: Enter on an open palette does nothing to anybody, and an answer is never in its own way."""

from __future__ import annotations

import httpx
import pytest
from browser_faults import Opener
from browser_steps import agent, asking, done, item_of, model_group, until_over, worker_at_work
from inbox_steps import answers_of
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess

SLOW = "worker-600@12"
ROWS = ".finder [role=option]"
SLOW_CLAIMS = """
const real = window.fetch;
window.fetch = async (...given) => {
  if (!String(given[0]).endsWith("/assign")) return real(...given);
  await new Promise((go) => setTimeout(go, 900));
  const answer = await real(...given);
  window.claims = [...(window.claims ?? []), answer.status];
  return answer;
};
"""  # a claim that takes its time on the way


def open_palette(page: Page) -> None:
    """By its keys."""
    expect(page.locator(".find-hint")).to_be_attached()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="What do you want to find or do?")).to_be_focused()


@pytest.mark.parametrize("where", ["group", "take-over screen"])
def test_enter_on_an_open_palette_does_nothing_to_a_sub_agent(
    where: str, open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-1@0", SLOW)
    tile = worker_at_work(api, group)
    page = open_page(f"/groups/{group}?agent={tile['id']}" if where == "group" else f"/agents/{tile['id']}/drive")
    place = page.url
    expect(page.get_by_role("button", name="Take over").first).to_be_visible()
    open_palette(page)
    expect(page.locator(ROWS, has_text=f"Take over {tile['name']}")).to_be_visible()
    expect(page.locator(f"{ROWS}[aria-selected=true]")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator(".finder-why")).to_have_text("Type a word, or choose with the arrow keys.")
    assert page.url == place
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"{ROWS}[aria-selected=true]")).to_have_count(1)
    expect(page.locator(".finder-why")).to_have_count(0)
    page.keyboard.press("Escape")
    found = agent(api, tile["id"])
    assert (found["epoch"], found["driver"]["kind"]) == (tile["epoch"], "model"), "nobody took the wheel"
    open_palette(page)
    page.keyboard.type("take over")  # what was typed is meant
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/agents/{tile['id']}/drive")
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "mine")
    done(api.post(f"/groups/{group}/cancel"))


def slow_claims(open_page: Opener, path: str) -> Page:
    """A page whose claims take their time on the way; every refusal in its console fails the test."""
    page = open_page("/claw/icon.svg")
    page.add_init_script(SLOW_CLAIMS)
    page.goto(page.url.replace("/claw/icon.svg", path))
    return page


def leave(page: Page) -> None:
    """Goes away once the claim has been heard; what was answered is let go by nobody."""
    page.wait_for_function("() => window.claims?.length")
    page.goto(page.url.split("/agents")[0].split("/groups")[0] + "/members")
    expect(page.locator("#content")).to_be_visible()


def test_an_answer_from_the_inbox_waits_for_its_own_claim(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "asker@0")
    (request,) = asking(api, group)
    page = slow_claims(open_page, f"/groups/{group}")
    item = item_of(page, request)
    item.locator(".item-name").click()
    item.get_by_label("Your answer to").fill("Tea, please.")
    page.keyboard.press("Control+Enter")
    until_over(api, group)
    leave(page)
    assert [(one["by"], one["text"]) for one in answers_of(api, group)] == [("you", "Tea, please.")]


def test_a_quick_approval_on_the_take_over_screen_waits_for_the_claim_of_the_answer_that_was_begun(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-1@0", "worker-9@0", policies={"write_file": "ask"})
    (request,) = asking(api, group)
    page = slow_claims(open_page, f"/agents/{request['agent']}/drive")
    card = page.locator(f'.ask[data-request="{request["id"]}"]')
    card.locator('[data-choice="deny"]').click()  # the claim is on its way
    card.locator('[data-choice="approve"]').click()
    expect(card).to_have_count(0)
    until_over(api, group)
    leave(page)
