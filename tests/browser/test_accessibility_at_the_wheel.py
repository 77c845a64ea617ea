"""At the wheel for everybody: axe-core in every panel, a take-over by the keyboard alone, and no motion where none is
wanted."""

from __future__ import annotations

import httpx
import pytest
from browser_faults import Opener
from browser_steps import (
    Json,
    agent,
    done,
    keyboard_focus,
    model_group,
    take_the_wheel,
    transcript,
    until_state,
    worker_at_work,
)
from playwright.sync_api import Browser, Page, expect
from test_accessibility import check

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

SLOW = "worker-600@12"
MOVES = """() => document.getAnimations().filter((one) => one.playState === "running"
  && (one.effect?.getComputedTiming().duration ?? 0) > 1).map((one) => one.animationName ?? one.transitionProperty)"""


@pytest.fixture
def at_work(api: httpx.Client, model: ModelProcess) -> Json:
    """A sub-agent that writes for a while."""
    return worker_at_work(api, model_group(api, model, "conductor-1@0", SLOW))


def panel(page: Page, name: str) -> None:
    """Opens a panel of the take-over screen."""
    page.locator(f'.drive-tab[data-panel="{name}"]').click()
    expect(page.locator(f'.drive-panel[data-shown="{name}"]')).to_be_visible()


def test_nothing_serious_in_any_panel_with_editor_terminal_and_a_question(open_page: Opener, at_work: Json) -> None:
    page = open_page(f"/agents/{at_work['id']}/drive")
    take_the_wheel(page)
    check(page)
    panel(page, "files")
    page.get_by_label("New file").fill("notes.md")
    page.get_by_role("button", name="Begin it").click()
    page.locator(".cm-content").click()
    page.keyboard.type("# Notes\n\nA line that is not saved yet.")
    expect(page.locator(".ed")).to_have_attribute("data-state", "dirty")
    check(page)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".ed")).to_have_attribute("data-state", "saved")
    check(page)
    panel(page, "give")
    page.get_by_label("Your note to it").fill("Go on with the notes.")
    expect(page.locator("[data-told]")).to_contain_text("Go on with the notes.")
    check(page)
    panel(page, "about")
    check(page)
    page.get_by_role("button", name="Cancel it…").first.click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    check(page)
    page.get_by_role("button", name="No, leave it").click()
    panel(page, "terminal")
    page.locator('.term [data-act="open"]').click()
    expect(page.locator(".term")).to_have_attribute("data-state", "open")
    expect(page.locator(".xterm-rows")).to_contain_text("$")
    check(page)


def test_a_take_over_from_the_wall_to_the_hand_back_by_the_keyboard_alone(
    open_page: Opener, api: httpx.Client, at_work: Json
) -> None:
    page = open_page(f"/groups/{at_work['id'].rpartition('-')[0]}?view=wall")
    expect(page.locator(f'.tile[data-id="{at_work["id"]}"]')).to_be_visible()
    keyboard_focus(page, ".tile")
    page.keyboard.press("End")  # the conductor is the first tile, its only worker the last
    expect(page.locator(f'.tile[data-id="{at_work["id"]}"]')).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".drawer h2")).to_have_text(at_work["name"])
    keyboard_focus(page, ".drawer .btn-human")
    page.keyboard.press("Enter")
    page.wait_for_url("**/drive")
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "mine")
    expect(page.locator(".drive-work")).to_be_visible()
    keyboard_focus(page, f"#words-{at_work['id']}-turn")
    page.keyboard.type("By the keyboard alone.")
    keyboard_focus(page, '[data-act="turn"]')
    page.keyboard.press("Enter")
    expect(page.locator(".thread .by-human .words").filter(has_text="By the keyboard alone.")).to_be_visible()
    keyboard_focus(page, '[data-panel="give"]')
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your note to it")).to_be_visible()
    keyboard_focus(page, f"#words-{at_work['id']}-note")
    page.keyboard.type("Nothing was clicked.")
    keyboard_focus(page, '[data-act="back"]')
    page.keyboard.press("Enter")
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "free")
    found = until_state(api, at_work["id"], "driving", "done")
    assert found["driver"] is None or found["driver"]["kind"] == "model"
    said = [entry["content"] for entry in transcript(api, at_work["id"])]
    assert any("Nothing was clicked." in words for words in said)


@pytest.mark.parametrize("wanted", ["reduce", "no-preference"])
def test_nothing_moves_for_whoever_wants_no_motion(
    wanted: str, browser: Browser, server: ServerProcess, api: httpx.Client, at_work: Json
) -> None:
    """Where motion is welcome something does move, so the check is not blind."""
    context = browser.new_context(reduced_motion="reduce" if wanted == "reduce" else "no-preference")
    page = context.new_page()
    group = at_work["id"].rpartition("-")[0]
    moved: list[str] = []
    try:
        for path, part in (
            (f"/groups/{group}?agent={at_work['id']}", ".drawer .caret"),
            (f"/agents/{at_work['id']}/drive", ".thread .caret"),
        ):
            page.goto(f"{server.url}{path}")
            expect(page.locator(part).first).to_be_visible()
            moved += page.evaluate(MOVES)
            page.locator("#content").hover()
            page.keyboard.press("Control+k")
            expect(page.locator(".finder-row").first).to_be_visible()
            moved += page.evaluate(MOVES)
    finally:
        context.close()
    assert (moved == []) == (wanted == "reduce"), moved
    assert agent(api, at_work["id"])["state"] in ("driving", "done")
    done(api.post(f"/groups/{group}/cancel"))
