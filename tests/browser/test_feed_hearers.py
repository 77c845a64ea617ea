"""A part of the page that fails when it hears news takes nothing from the others."""

from __future__ import annotations

from pathlib import Path

import httpx
from browser_faults import Faults, Opener
from browser_steps import survey, wait_for
from playwright.sync_api import expect

LISTEN = """async (group) => {
  const { feedOf } = await import("/claw/feed.js");
  window.heard = [];
  feedOf(group).subscribe(() => { throw new Error("planted in a hearer"); });
  feedOf(group).subscribe((message) => window.heard.push(message.type));
  feedOf(group).resync();
}"""


def test_one_that_throws_keeps_no_news_from_the_next(
    open_page: Opener, api: httpx.Client, folder: Path, faults: Faults
) -> None:
    group = survey(api, folder, pace=2)
    page = open_page(f"/groups/{group}")
    expect(page.locator(".tile").first).to_be_visible()
    faults.allow("planted in a hearer")
    page.evaluate(LISTEN, group)
    wait_for(lambda: "snapshot" in page.evaluate("window.heard"), "the snapshot")
    assert any("planted in a hearer" in fault for fault in faults.found), "its fault is told all the same"
