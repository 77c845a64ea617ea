"""Standing rules that are being written: nothing of them is lost under way, and nobody else's are replaced unseen."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import HeldCalls, HeldFeed, agents, done, survey, wait_for
from playwright.sync_api import Locator, Page, expect


@pytest.fixture
def group(api: httpx.Client, folder: Path) -> str:
    """A survey that is under way long enough."""
    made = survey(api, folder, pace=2)
    wait_for(lambda: len(agents(api, made)) > 1, "the surveyors")
    return made


def draft(page: Page) -> Locator:
    """The field for the rules."""
    return page.get_by_label("In plain words")


def save(page: Page) -> None:
    """Presses Save."""
    page.get_by_role("button", name="Save", exact=True).click()


def warning(page: Page) -> Locator:
    """What says that somebody else has changed them."""
    return page.get_by_role("alert").filter(has_text="Somebody has changed them meanwhile")


def rules(api: httpx.Client, group: str) -> str:
    """Those that hold on the server's side."""
    return str(done(api.get(f"/groups/{group}"))["rules"])


def test_what_is_written_while_the_rules_are_saved_stays_and_is_saved_next(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    page = open_page(f"/groups/{group}?view=room")
    page.get_by_role("button", name="Edit").click()
    draft(page).fill("Be kind.")
    calls = HeldCalls(page, "/rules$")
    save(page)
    calls.wait()
    draft(page).fill("Be kind.\nNo jokes.")
    calls.let_go()
    assert rules(api, group) == "Be kind."
    expect(draft(page)).to_have_value("Be kind.\nNo jokes.")
    expect(warning(page)).to_have_count(0)
    page.reload()
    expect(draft(page)).to_have_value("Be kind.\nNo jokes.")
    page.unroute_all()
    save(page)
    expect(page.locator(".talk-rules-text")).to_have_text("Be kind.\nNo jokes.")
    assert rules(api, group) == "Be kind.\nNo jokes."


def test_who_comes_back_to_their_draft_is_told_that_the_rules_have_changed(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    done(api.put(f"/groups/{group}/rules", json={"rules": "Be quick."}))
    page = open_page(f"/groups/{group}?view=room")
    address = page.url
    page.get_by_role("button", name="Edit").click()
    draft(page).fill("Be slow.")
    page.goto("about:blank")
    done(api.put(f"/groups/{group}/rules", json={"rules": "Be careful."}))
    page.goto(address)
    expect(draft(page)).to_have_value("Be slow.")
    expect(warning(page)).to_contain_text("Be careful.")
    save(page)
    expect(page.locator(".talk-rules-text")).to_have_text("Be slow.")


def test_rules_that_the_page_has_not_heard_of_are_not_replaced(
    open_page: Opener, api: httpx.Client, faults: Faults, group: str
) -> None:
    faults.allow("409")
    page = open_page("/claw/icon.svg")
    feed = HeldFeed(page)
    page.goto(f"{page.url.split('/claw')[0]}/groups/{group}?view=room")
    page.get_by_role("button", name="Edit").click()
    draft(page).fill("Be slow.")
    feed.hold()
    done(api.put(f"/groups/{group}/rules", json={"rules": "Be careful."}))
    save(page)
    expect(page.get_by_role("alert").filter(has_text="Not saved.")).to_contain_text("changed by somebody else")
    assert rules(api, group) == "Be careful."
    feed.let_go()
    expect(warning(page)).to_contain_text("Be careful.")
    save(page)
    expect(page.locator(".talk-rules-text")).to_have_text("Be slow.")
    assert rules(api, group) == "Be slow."
