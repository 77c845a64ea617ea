"""The settings page: what the browser keeps, what an admin sets, and notifications while nobody looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import Json, model_group, survey, until_request, wait_for
from playwright.sync_api import Browser, Page, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

CALLS_MANY = "worker-150@0"
# Only records what would be shown; everything else about notifications stays the browser's own.
RECORD = """
window.told = [];
window.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title, options) { window.told.push({ title, ...options }); window.last = this; }
  close() {}
};
"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def taken() -> Iterator[tuple[str, list[str]]]:
    """A chat on this machine: its address, and what it took."""
    bodies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    chat = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = threading.Thread(target=chat.serve_forever, daemon=True)
    running.start()
    yield f"http://127.0.0.1:{chat.server_port}/hooks/a-secret-of-the-team", bodies
    chat.shutdown()
    chat.server_close()
    running.join(10)


def settings(page: Page) -> Page:
    """The page, once it has read what the house is set to."""
    expect(page.locator("#hook-url")).to_be_visible()
    return page


def test_what_is_chosen_for_this_browser_stays(open_page: Opener, api: httpx.Client, folder: Path) -> None:
    page = settings(open_page("/settings", theme="dark"))
    expect(page.get_by_role("radio", name="As the system")).to_be_checked()
    page.get_by_role("radio", name="As the system").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("radio", name="Light", exact=True)).to_be_focused()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_role("radio", name="Large, with words").click()
    page.get_by_role("switch", name="Sound").click()
    page.reload()
    settings(page)
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.get_by_role("radio", name="Light", exact=True)).to_be_checked()
    expect(page.get_by_role("switch", name="Sound")).to_be_checked()
    page.get_by_role("button", name="Switch to dark").click()  # the header's switch and this page agree
    expect(page.get_by_role("radio", name="As the system")).to_be_checked()
    group = survey(api, folder, pace=0)
    page.goto(page.url.replace("/settings", f"/groups/{group}?view=wall"))
    expect(page.locator(".wall-field")).to_have_attribute("data-density", "L")


def test_notifications_and_sound_are_off_until_somebody_turns_them_on(open_page: Opener) -> None:
    page = settings(open_page("/settings"))
    expect(page.get_by_role("switch", name="Notifications")).not_to_be_checked()
    expect(page.get_by_role("switch", name="Sound")).not_to_be_checked()


def test_the_webhook_is_set_tested_and_removed(open_page: Opener, taken: tuple[str, list[str]], faults: Faults) -> None:
    faults.allow("422")
    url, bodies = taken
    page = settings(open_page("/settings"))
    expect(page.get_by_text("No address is set: nobody is told.")).to_be_visible()
    page.locator("#hook-url").fill(url)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#hook-url-wrong")).to_contain_text("Over http everybody on the way could read the address")
    expect(page.locator("#hook-url")).to_have_value(url)
    page.get_by_label("It may lead into a private network").check()
    page.get_by_label("A group has finished").check()
    page.locator("#hook-base").fill("https://claw.example/")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The webhook is set.")).to_be_visible()
    expect(page.locator("#hook-url")).to_have_value("")
    assert "a-secret-of-the-team" not in page.content()
    page.get_by_role("button", name="Send a test message").click()
    expect(page.get_by_text("The test message was taken.")).to_be_visible()
    assert "A test from Claw Groups" in bodies[0]
    page.reload()
    settings(page)
    expect(page.locator("#hook-base")).to_have_value("https://claw.example")
    expect(page.get_by_label("A group has finished")).to_be_checked()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No address is set: nobody is told.")).to_be_visible()


def test_what_the_server_runs_with_and_how_to_change_it(open_page: Opener, server: ServerProcess) -> None:
    page = settings(open_page("/settings"))
    home = page.locator('[data-fact="home"]')
    expect(home).to_contain_text(str(server.home))
    expect(home).to_contain_text("CLAWGROUPS_HOME")
    expect(page.locator('[data-fact="database"]')).to_contain_text("SQLite")


@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_its_window(open_page: Opener, width: int) -> None:
    page = settings(open_page("/settings", width=width))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator(".find-hint")).to_be_visible(visible=width > 700)


def test_a_new_urgent_request_is_told_while_nobody_looks_and_only_then(
    browser: Browser, faults: Faults, server: ServerProcess, api: httpx.Client, model: ModelProcess
) -> None:
    context = browser.new_context(permissions=["notifications"])
    context.add_init_script(RECORD)
    page = context.new_page()
    faults.watch(page)
    page.goto(f"{server.url}/settings")
    settings(page)
    page.get_by_role("switch", name="Notifications").click()
    expect(page.get_by_role("switch", name="Notifications")).to_be_checked()
    before = limited(api, model)
    page.goto(f"{server.url}/members")
    expect(page.locator(".find-hint")).to_be_visible()
    with page.expect_response("**/api/v1/requests"):
        page.evaluate(HIDE, True)
    wanted = limited(api, model)
    told = wait_for(lambda: page.evaluate("window.told"), "a notification")
    assert [one["tag"] for one in told] == [wanted["id"]]
    assert wanted["agent_name"] in told[0]["title"]
    assert before["id"] != wanted["id"]
    page.evaluate("window.last.onclick()")
    page.wait_for_url(f"**/groups/{wanted['group']}?agent={wanted['agent']}")
    expect(page.locator(f'.item[data-request="{wanted["id"]}"]')).to_be_visible()
    limited(api, model)  # the page is in view: nobody is told
    assert page.evaluate("window.told") == []
    context.close()


def limited(api: httpx.Client, model: ModelProcess) -> Json:
    """A new request of the top severity: a group that has come to its limit of steps."""
    group = model_group(api, model, "conductor-1@0", CALLS_MANY, limits={"max_steps": 1})
    found = until_request(api, group, "budget")
    return {**found, "group": group}
