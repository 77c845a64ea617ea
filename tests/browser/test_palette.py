"""The command palette by the keyboard alone, and the shortcuts: what they do, and where they must not be taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import (
    Json,
    agent,
    agents,
    asking,
    at_the_wheel,
    done,
    model_group,
    survey,
    until_over,
    until_state,
    wait_for,
    worker_at_work,
)
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess

SLOW = "worker-600@12"  # it writes one turn for about 15 s
ROWS = ".finder [role=option]"
AS_VIEWER = """
new MutationObserver(() => {
  const told = document.querySelector('meta[name="claw-person"]');
  const [is, shall] = ['"role": "admin"', '"role": "viewer"'];
  if (told?.content.includes(is)) told.content = told.content.replace(is, shall);
}).observe(document, { childList: true, subtree: true });
"""  # the page's scripts are told that its person is a viewer


@pytest.fixture(scope="module")
def over(api: httpx.Client, folder: Path) -> str:
    """A group that has finished."""
    group = survey(api, folder, pace=0)
    until_over(api, group)
    return group


@pytest.fixture(scope="module")
def working(api: httpx.Client, model: ModelProcess) -> Iterator[Json]:
    """A sub-agent at work on long turns."""
    group = model_group(api, model, "conductor-1@0", SLOW)
    yield worker_at_work(api, group)
    api.post(f"/groups/{group}/cancel")


def ready(page: Page) -> Page:
    """The group's page, once its sub-agents have come."""
    expect(page.locator(".ghead .stats").first).to_be_visible()
    return page


def open_palette(page: Page) -> None:
    """By its keys; the page may still be loading when they are pressed."""
    expect(page.locator(".find-hint")).to_be_attached()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="What do you want to find or do?")).to_be_focused()


def where(tile: Json) -> str:
    """The address of the group's page with this sub-agent selected."""
    return f"/groups/{tile['id'].rpartition('-')[0]}?agent={tile['id']}"


def first(page: Page) -> str:
    """What Enter would choose."""
    return page.locator(f"{ROWS}[aria-selected=true] .finder-label").inner_text()


def ranked(page: Page, query: str, labels: list[str]) -> list[str]:
    """The labels that fit, best first, as the page's own script finds them."""
    script = """async ([query, labels]) => {
        const { rank } = await import("/claw/fuzzy.js");
        return rank(query, labels.map((label) => ({ label }))).map((one) => one.item.label);
    }"""
    found: list[str] = page.evaluate(script, [query, labels])
    return found


def test_the_best_match_is_the_one_that_is_meant(open_page: Opener) -> None:
    page = open_page("/members")
    names = ["worker-1", "worker-13", "coworker notes", "New group", "Review", "Résumé writer", "Network watch"]
    assert ranked(page, "worker-1", names) == ["worker-1", "worker-13"]
    assert ranked(page, "wk13", names) == ["worker-13"]
    assert ranked(page, "work", names)[:2] == ["worker-1", "worker-13"], "the beginnings of words come first"
    assert set(ranked(page, "work", names)[2:]) == {"coworker notes", "Network watch"}
    assert ranked(page, "watch", ["Swatch", "Network watch"])[0] == "Network watch", "not the nearest one to the front"
    assert ranked(page, "ng", names)[0] == "New group", "the first letters of words"
    assert ranked(page, "group new", names) == ["New group"], "words in any order"
    assert ranked(page, "resume", names) == ["Résumé writer"], "accents do not matter"
    assert ranked(page, "zzz", names) == []
    assert len(ranked(page, "", names)) == len(names)


def test_what_was_meant_is_marked(open_page: Opener) -> None:
    page = open_page("/members")
    script = """async () => (await import("/claw/fuzzy.js")).rank("wk1", [{ label: "worker-1" }])[0].parts"""
    parts: list[dict[str, Any]] = page.evaluate(script)
    assert "".join(part["text"] for part in parts if part["hit"]) == "wk1"
    assert "".join(part["text"] for part in parts) == "worker-1"


def test_to_a_sub_agent_by_the_keyboard_alone(open_page: Opener, api: httpx.Client, over: str) -> None:
    page = ready(open_page(f"/groups/{over}"))
    wanted = agents(api, over)[-1]
    open_palette(page)
    page.keyboard.type(wanted["name"])
    expect(page.locator(f"{ROWS}[aria-selected=true]")).to_contain_text(wanted["name"])
    box = page.get_by_role("combobox")
    active = box.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator(".finder")).to_be_hidden()
    expect(page.locator(".drawer h2, .drawer [role=heading]").first).to_contain_text(wanted["name"])
    assert f"agent={wanted['id']}" in page.url
    open_palette(page)
    expect(page.locator(".finder-section").first).to_have_text("Recent")
    assert first(page) == wanted["name"]


def test_arrows_walk_around_and_escape_gives_the_focus_back(open_page: Opener) -> None:
    page = open_page("/members")
    page.locator(".find-hint").focus()
    open_palette(page)
    before = first(page)
    page.keyboard.press("ArrowDown")
    assert first(page) != before
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert first(page) == page.locator(ROWS).last.locator(".finder-label").inner_text()
    page.keyboard.press("Escape")
    expect(page.locator(".finder")).to_be_hidden()
    expect(page.locator(".find-hint")).to_be_focused()


def test_a_key_that_comes_right_after_escape_opens_it_anew(open_page: Opener) -> None:
    page = open_page("/members")
    open_palette(page)
    page.keyboard.type("history")
    page.evaluate(  # in one go: that it was closed is told to the page only afterwards
        """() => {
          document.querySelector(".finder").close();
          const held = {key: "k", ctrlKey: true, bubbles: true, cancelable: true};
          document.body.dispatchEvent(new KeyboardEvent("keydown", held));
        }"""
    )
    box = page.get_by_role("combobox", name="What do you want to find or do?")
    expect(box).to_be_focused()
    expect(box).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.locator(".finder")).to_be_hidden()


def test_rows_follow_what_happens_after_it_was_closed_in_the_midst_of_a_change(
    open_page: Opener, api: httpx.Client, working: Json
) -> None:
    page = ready(open_page(where(working)))
    open_palette(page)
    page.evaluate(
        """() => {
          const finder = getElement(Number(document.querySelector(".find").id.slice(1)));
          finder.settle();
          finder.close();
        }"""
    )
    open_palette(page)
    page.keyboard.type("whole group")
    expect(page.locator(ROWS, has_text="Pause the whole group")).to_be_visible()
    group = working["id"].rsplit("-", 1)[0]
    done(api.post(f"/groups/{group}/pause"))
    expect(page.locator(ROWS, has_text="Resume the whole group")).to_be_visible()
    done(api.post(f"/groups/{group}/resume"))
    expect(page.locator(ROWS, has_text="Pause the whole group")).to_be_visible()


def test_pages_groups_and_the_history_from_any_page(open_page: Opener, api: httpx.Client, over: str) -> None:
    page = open_page("/members")
    open_palette(page)
    page.keyboard.type("new gr")
    expect(page.locator(f"{ROWS}[aria-selected=true] .finder-label")).to_have_text("New group")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new")
    name = done(api.get(f"/groups/{over}"))["name"]
    open_palette(page)
    page.keyboard.type(name)
    expect(page.locator(f"{ROWS}[aria-selected=true] .finder-label")).to_have_text(name)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/groups/{over}*")
    open_palette(page)
    page.keyboard.type("lost note")
    page.keyboard.press("ArrowUp")  # the last one is always the search
    expect(page.locator(f"{ROWS}[aria-selected=true] .finder-label")).to_have_text("Search the history for “lost note”")
    page.keyboard.press("Enter")
    page.wait_for_url("**/history?q=lost+note")
    expect(page.locator("#past-q")).to_have_value("lost note")


def test_a_view_and_the_theme(open_page: Opener, over: str) -> None:
    page = ready(open_page(f"/groups/{over}?view=wall"))
    open_palette(page)
    page.keyboard.type("timel")
    page.keyboard.press("Enter")
    expect(page.locator(".room")).to_have_attribute("data-view", "timeline")
    open_palette(page)
    page.keyboard.type("light th")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_deed_on_the_selected_sub_agent(open_page: Opener, api: httpx.Client, working: Json) -> None:
    page = ready(open_page(where(working)))
    expect(page.locator(".drawer")).to_contain_text(working["name"])
    open_palette(page)
    page.keyboard.type("pause " + working["name"])
    page.keyboard.press("Enter")
    wait_for(lambda: agent(api, working["id"])["pausing"] or agent(api, working["id"])["state"] == "paused", "a pause")
    open_palette(page)
    page.keyboard.type("hand back")
    row = page.locator(ROWS, has_text="Hand ").first
    expect(row).to_have_attribute("aria-disabled", "true")
    expect(row).to_contain_text("You do not hold its wheel.")


def test_what_a_role_may_not_is_shown_with_the_reason(open_page: Opener, working: Json) -> None:
    page = open_page("/members")
    page.add_init_script(AS_VIEWER)
    page.goto(page.url.replace("/members", where(working)))
    ready(page)
    expect(page.locator(".drawer")).to_contain_text(working["name"])
    open_palette(page)
    page.keyboard.type("take over " + working["name"])
    row = page.locator(ROWS, has_text="Take over").first
    expect(row).to_have_attribute("aria-disabled", "true")
    expect(row).to_contain_text("You are a viewer; this needs a driver.")
    row.click(force=True)
    expect(page.get_by_role("alert").filter(has_text="You are a viewer; this needs a driver.")).to_be_visible()
    expect(page.locator(".finder")).to_be_visible()


# --- shortcuts -------------------------------------------------------------------------------------------


def help_of(page: Page) -> dict[str, str]:
    """What the help says, by key; it is closed again."""
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("(one) => one.matches(':modal')"), "what is behind it cannot be reached"
    rows = dict(zip(dialog.locator("dt").all_inner_texts(), dialog.locator("dd").all_inner_texts(), strict=True))
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    return rows


@pytest.mark.parametrize("screen", ["group", "take-over"])
def test_every_key_stands_in_the_help_on_both_screens(open_page: Opener, working: Json, screen: str) -> None:
    page = open_page(where(working) if screen == "group" else f"/agents/{working['id']}/drive")
    expect(page.locator(".drawer h2, .wheel[data-mode=free]").first).to_be_visible()
    keys = help_of(page)
    assert {"J", "K", "T", "H", "A", "D", "P", "S", "/", "?", "Ctrl K".upper()} <= set(keys), keys
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()


def test_keys_are_not_taken_while_somebody_types(open_page: Opener, api: httpx.Client, working: Json) -> None:
    page = ready(open_page(where(working)))
    before = agent(api, working["id"])
    page.locator(".drawer textarea").click()
    page.keyboard.type("jktadphs/?")
    expect(page.locator(".drawer textarea")).to_have_value("jktadphs/?")
    page.locator(".wall-filter input").click()
    page.keyboard.type("tp?")
    expect(page.locator(".wall-filter input")).to_have_value("tp?")
    open_palette(page)
    page.keyboard.type("tp?")
    expect(page.get_by_role("combobox")).to_have_value("tp?")
    expect(page.locator("dialog.ask")).to_have_count(0)
    now = agent(api, working["id"])
    assert (now["epoch"], now["pausing"], page.url.count("/drive")) == (before["epoch"], before["pausing"], 0)


def test_the_keys_of_the_take_over_screen(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group = model_group(api, model, "conductor-1@0", SLOW)
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive")
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "free")
    page.keyboard.press("s")
    expect(page.get_by_label("Steer it")).to_be_focused()
    page.keyboard.type("pth")
    expect(page.get_by_label("Steer it")).to_have_value("pth")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Steer it")).not_to_be_focused()
    page.keyboard.press("j")
    expect(page.get_by_text("Nothing here needs you.")).to_be_visible()
    page.keyboard.press("p")
    wait_for(lambda: agent(api, tile["id"])["pausing"], "a pause")
    page.keyboard.press("t")
    at_the_wheel(page)
    page.keyboard.press("h")
    note = page.get_by_label("A note")
    expect(page.locator("[data-shown=give]")).to_be_visible()
    expect(note.or_(page.locator("[data-shown=give] textarea")).first).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("s")  # at the wheel: the turn
    expect(page.get_by_label("Your turn, or the result")).to_be_focused()
    done(api.post(f"/groups/{group}/cancel"))


def test_h_hands_back_from_the_group_page(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group = model_group(api, model, "conductor-1@0", SLOW)
    tile = worker_at_work(api, group)
    done(api.post(f"/agents/{tile['id']}/take-over", json={"mode": "now"}))
    until_state(api, tile["id"], "driving")
    wait_for(lambda: (agent(api, tile["id"])["driver"] or {}).get("id") == "you", "the wheel")
    page = ready(open_page(where(tile)))
    expect(page.locator(".drawer")).to_contain_text("You are at the wheel")
    page.keyboard.press("h")
    dialog = page.get_by_role("dialog", name=f"Hand {tile['name']} back?")
    dialog.get_by_label("Note").fill("Go on.")
    dialog.get_by_role("button", name="Hand back").click()
    wait_for(lambda: (agent(api, tile["id"])["driver"] or {}).get("kind") == "model", "the hand-back")
    done(api.post(f"/groups/{group}/cancel"))


def test_a_and_d_decide_on_the_take_over_screen(
    open_page: Opener, api: httpx.Client, folder: Path, faults: Faults
) -> None:
    faults.allow("409.*/assign")  # who had begun to answer lets go of what is answered by then
    group = survey(api, folder, policies={"measure_file": "ask"}, pace=0)
    asks = asking(api, group, 2)
    page = open_page(f"/agents/{asks[0]['agent']}/drive")
    card = page.locator(f'article.ask[data-request="{asks[0]["id"]}"]')
    expect(card).to_be_visible()
    page.locator('[data-panel="files"]').click()
    expect(card).to_be_hidden()
    page.keyboard.press("j")
    expect(card.locator("button").first).to_be_focused()
    page.keyboard.press("d")
    expect(card.locator("textarea")).to_be_focused()
    page.keyboard.press("Escape")
    card.get_by_role("button", name="Back").click()
    page.keyboard.press("a")
    expect(card).to_have_count(0)
    done(api.post(f"/groups/{group}/cancel"))


def test_the_shell_keeps_its_keys(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group = model_group(api, model, "conductor-1@0", SLOW)
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive")
    page.locator('.wheel [data-act="now"]').click()
    at_the_wheel(page)
    page.locator('[data-panel="terminal"]').click()
    expect(page.locator(".term")).to_have_attribute("data-phase", "live")
    page.locator('.term [data-act="open"]').click()
    expect(page.locator(".term")).to_have_attribute("data-state", "open")
    shell = page.locator(".xterm-helper-textarea")
    shell.focus()
    page.keyboard.type("echo th?")
    page.keyboard.press("Control+k")  # of the shell: it cuts the rest of the line
    expect(shell).to_be_focused()
    expect(page.locator(".finder")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.ask")).to_have_count(0)
    expect(shell).to_be_focused()
    expect(page.locator("[data-shown=terminal]")).to_be_visible()
    done(api.post(f"/groups/{group}/cancel"))
