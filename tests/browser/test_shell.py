"""The frame around every page: where one is, dark and light, the state of the house, nothing fetched from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_faults import Faults, Opener
from browser_steps import wait_for
from playwright.sync_api import Browser, Page, expect

from clawgroups.testing.server_process import ServerProcess

PAGES = ("/", "/new", "/members")
LEAST_CONTRAST = 4.5
CONTRAST = """
() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const backing = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour.startsWith("rgb") && (parse(colour)[3] ?? 1) === 1) return parse(colour);
      if (!colour.startsWith("rgb")) return null; // mixed: not one that is read off so simply
    }
    return null;
  };
  const low = [];
  for (const element of document.querySelectorAll("header *, nav *, main *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const seen = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!own || !seen || element.closest(":disabled")) continue;
    const behind = backing(element);
    const [a, b] = behind ? [light(parse(getComputedStyle(element).color)), light(behind)] : [1, 0];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${ratio.toFixed(2)} ${element.className}: ${element.textContent.trim().slice(0, 40)}`);
  }
  return low;
}
"""


def loaded(page: Page) -> Page:
    """The page, once what it shows has come."""
    expect(page.locator(".board-none, .board-list, .form, .members li").first).to_be_visible()
    return page


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("path", PAGES)
def test_all_words_stand_out_enough_from_their_ground(open_page: Opener, path: str, theme: str) -> None:
    low = loaded(open_page(path, theme=theme)).evaluate(CONTRAST)
    assert low == [], f"contrast under {LEAST_CONTRAST}"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_one_name_one_main_part_and_says_where_one_is(open_page: Opener, path: str) -> None:
    page = loaded(open_page(path))
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    here = page.locator(".rail [aria-current=page]")
    expect(here).to_have_attribute("href", path)
    assert page.evaluate("document.documentElement.lang")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_no_page_scrolls_sideways(open_page: Opener, path: str, width: int) -> None:
    page = loaded(open_page(path, width=width))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_theme_follows_the_system_until_one_is_chosen_and_the_choice_stays(open_page: Opener) -> None:
    page = loaded(open_page("/", theme="light"))
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "light"
    page.get_by_role("button", name="Switch to dark").click()
    assert page.evaluate(theme) == "dark"
    page.reload()
    assert page.evaluate(theme) == "dark"


def test_a_runner_that_is_down_is_said_on_the_page(
    browser: Browser, faults: Faults, tmp_path: Path, folder: Path
) -> None:
    env = {"CLAWGROUPS_FOLDER": str(folder), "CLAWGROUPS_RUNNER": "false"}
    with ServerProcess(tmp_path / "home", env=env) as server:
        context = browser.new_context()
        page = context.new_page()
        faults.watch(page)
        page.goto(f"{server.url}/new")
        expect(page.get_by_text("No runner is up yet to count its files.")).to_be_visible()
        page.goto(f"{server.url}/members")
        expect(page.get_by_text("No runner is up to look around.")).to_be_visible()
        context.close()


def test_a_server_that_went_away_is_said_and_the_page_goes_on_when_it_is_back(
    browser: Browser, faults: Faults, tmp_path: Path, folder: Path
) -> None:
    faults.allow("ERR_CONNECTION_REFUSED|WebSocket|Failed to load|ERR_SOCKET|ERR_CONNECTION_RESET|ERR_EMPTY")
    with ServerProcess(tmp_path / "home", env={"CLAWGROUPS_FOLDER": str(folder)}) as server:
        context = browser.new_context()
        page = context.new_page()
        faults.watch(page)
        page.goto(server.url)
        loaded(page)
        server.kill()
        expect(page.locator(".banner", has_text="Reconnecting.")).to_be_visible(timeout=20_000)
        wait_for(lambda: not server.alive, "the end of the server")
        context.close()
