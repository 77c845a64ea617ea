"""A browser that has the constructor of notifications and throws when it is used: Chrome on Android."""

from __future__ import annotations

import re

import httpx
from browser_faults import Opener
from browser_steps import wait_for
from playwright.sync_api import Page, expect
from test_settings_page import HIDE, limited

from clawgroups.testing.model_process import ModelProcess

THROWS = """
window.tried = 0;
window.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor() {
    window.tried += 1;
    throw new TypeError("Failed to construct 'Notification': Illegal constructor.");
  }
};
"""
TOLD = "() => JSON.parse(localStorage.getItem('claw-told') ?? '[]')"


def hidden(open_page: Opener) -> Page:
    """A page that nobody looks at, with notifications and the sound turned on, which knows what is open now."""
    page = open_page("/claw/icon.svg")
    page.context.add_init_script(THROWS)
    page.goto(f"{page.url.split('/claw')[0]}/settings")
    page.get_by_role("switch", name="Notifications").click()
    expect(page.get_by_role("switch", name="Notifications")).to_be_checked()
    page.evaluate("localStorage.setItem('claw-sound', 'on')")
    with page.expect_response("**/api/v1/requests"):
        page.evaluate(HIDE, True)
    return page


def test_it_goes_on_to_look_for_requests_and_says_that_it_cannot_notify(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    page = hidden(open_page)
    first = limited(api, model)
    wait_for(lambda: first["id"] in page.evaluate(TOLD), "the first to be told")
    second = limited(api, model)
    wait_for(lambda: second["id"] in page.evaluate(TOLD), "the second to be told")
    assert page.evaluate("window.tried") == 1, "it is not tried again and again"
    page.evaluate(HIDE, False)
    page.reload()
    switch = page.get_by_role("switch", name=re.compile("Notifications"))
    expect(switch).to_be_disabled()
    page.evaluate("localStorage.setItem('claw-notify-cannot', 'an older version')")
    page.reload()
    expect(switch).to_be_checked()  # what an older version could not is tried again
