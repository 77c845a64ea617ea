"""Makes the pictures of the README from the running program: a survey of this checkout, watched and taken over.

Nothing in them is drawn or staged by hand: a real server, real sub-agents, and what people do through the API and the
page. Run it with ``make screenshots``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect, sync_playwright

from clawgroups.testing.server_process import ServerProcess

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LARGEST = 400_000  # bytes of a picture
PATIENCE_S = 180.0
PACE = 3  # words a second; slow enough that many sub-agents are at work at once
SIZE = {"width": 1440, "height": 900}
Json = dict[str, Any]


def main() -> None:
    """Makes docs/screenshot.png and docs/take-over.png."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is needed: install it, or name it in the environment as CHROMIUM.")
    with (
        tempfile.TemporaryDirectory(prefix="claw-pictures-") as home,
        ServerProcess(Path(home)) as server,
        httpx.Client(base_url=server.api, timeout=30, trust_env=False) as api,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport=SIZE, color_scheme="dark", reduced_motion="reduce")
        page = context.new_page()
        page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        group = _survey(api)
        page.goto(f"{server.url}/groups/{group}")
        _wall(page, api, group)
        _done(api.post(f"/groups/{group}/cancel"))
        group = _survey(api)
        page.goto(f"{server.url}/groups/{group}")
        _take_over(page, api, group)
        browser.close()


def _survey(api: httpx.Client) -> str:
    body = {"name": "Survey of clawgroups", "template": "survey", "folder": str(ROOT), "pace": PACE, "start": True}
    return str(_done(api.post("/groups", json=body))["id"])


def _wall(page: Page, api: httpx.Client, group: str) -> None:
    """Most of the wall at work, one in a person's hands, one paused, two tasks that wait for a person."""
    # The conductor hands its files out in batches, and none begins before the last one has ended.
    _wait(lambda: _counts(api, group)["done"] >= 100 and len(_working(api, group)) >= 40, "a third batch")
    mira = _done(api.post("/members", json={"name": "Mira", "kind": "person"}))["id"]
    _do(api, group, lambda tile: f"/agents/{tile['id']}/take-over", {}, {"X-Claw-Person": mira})
    for reason in ("Please look at this one yourself.", "The numbers of this file look odd."):
        _do(api, group, lambda tile: f"/agents/{tile['id']}/reassign", {"to": "you", "reason": reason})
    _do(api, group, lambda tile: f"/agents/{tile['id']}/pause", {}, oldest=True)
    _open_one_at_work(page, api, group)
    page.mouse.move(720, 20)
    _shoot(page, "screenshot.png")


def _take_over(page: Page, api: httpx.Client, group: str) -> None:
    """A sub-agent that was streaming is in the viewer's hands; a tool was run by its form, a turn is being written."""
    _open_one_at_work(page, api, group)
    page.keyboard.press("t")
    page.wait_for_url("**/drive")
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "mine")
    expect(page.locator(".line.unfinished")).to_be_visible()
    page.get_by_role("button", name="search_files", exact=True).click()
    page.locator('.field[data-field="text"] input').fill("usage")
    page.locator('.field[data-field="path"] input').fill("source/clawgroups")
    page.get_by_role("button", name="Run search_files").click()
    expect(page.locator('.call[data-call="search_files"]').last).to_have_attribute("data-fate", "done")
    page.get_by_label("Your turn, or the result").fill(
        "I looked for who else counts tokens; say how this file belongs to them."
    )
    page.mouse.move(700, 500)
    _shoot(page, "take-over.png")


def _open_one_at_work(page: Page, api: httpx.Client, group: str) -> None:
    """Opens a sub-agent in the drawer whose words can be read there as they come."""

    def opened() -> bool:
        working = _working(api, group)
        if not working:
            return False
        fresh = max(working, key=lambda tile: tile["since"])
        page.locator(f'.tile[data-id="{fresh["id"]}"]').click()
        live = page.locator(".drawer .live-text")
        page.wait_for_timeout(2_500)
        return page.locator(".drawer .live-text .caret").count() == 1 and len(live.text_content() or "") > 40

    _wait(opened, "a sub-agent that writes")


def _shoot(page: Page, name: str) -> None:
    picture = DOCS / name
    page.wait_for_timeout(600)
    page.screenshot(path=picture)
    size = picture.stat().st_size
    if size > LARGEST:
        sys.exit(f"{picture} has {size:,} bytes, more than {LARGEST:,}.")
    print(f"{picture.relative_to(ROOT)}: {size:,} bytes")  # noqa: T201


def _do(
    api: httpx.Client,
    group: str,
    path: Callable[[Json], str],
    body: Json,
    headers: Json | None = None,
    *,
    oldest: bool = False,
) -> None:
    """One act on a sub-agent at work; it may end just then, so another is tried."""
    found = _working(api, group)
    for tile in found if oldest else reversed(found):
        if api.post(path(tile), json=body, headers=headers).is_success:
            return
    sys.exit("No sub-agent could be acted on.")


def _working(api: httpx.Client, group: str) -> list[Json]:
    tiles: list[Json] = _done(api.get(f"/groups/{group}/agents"))["agents"]
    return [tile for tile in tiles if tile["parent"] and tile["state"] == "driving" and tile["member"] != "you"]


def _counts(api: httpx.Client, group: str) -> Json:
    counts: Json = _done(api.get(f"/groups/{group}"))["counts"]
    return counts


def _done(reply: httpx.Response) -> Json:
    if not reply.is_success:
        sys.exit(f"{reply.request.method} {reply.request.url}: {reply.text}")
    body: Json = reply.json()
    return body


def _wait(read: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not read():
        if time.monotonic() > deadline:
            sys.exit(f"There was never {what}.")
        time.sleep(0.25)


if __name__ == "__main__":
    main()
