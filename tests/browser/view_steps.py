"""What the tests of a group's views do again and again: find rows, wait for a view, answer a question."""

from __future__ import annotations

import httpx
from browser_steps import Json, agents, model_group, wait_for
from playwright.sync_api import Locator, Page, expect

from clawgroups.testing.model_process import ModelProcess

VIEWS = ("timeline", "tree", "table")
SECTIONS = {"timeline": ".tl", "tree": ".tree", "table": ".sheet"}
WORKERS = 5


def busy_group(api: httpx.Client, model: ModelProcess, workers: int = WORKERS) -> str:
    """A group whose workers talk for long; its id, once all are at work."""
    made = model_group(api, model, f"conductor-{workers}@0", "worker-9000@12")
    wait_for(lambda: sum(tile["state"] == "driving" for tile in agents(api, made)) == workers, "all at work")
    return made


def row(page: Page, view: str, tile: Json) -> Locator:
    """The row of a sub-agent in a view."""
    return page.locator({
        "timeline": f'.tl-head[data-key="{tile["id"]}"]',
        "tree": f'.tree-row[data-key="{tile["id"]}"]',
        "table": f'.ag-center-cols-container .ag-row[row-id="{tile["id"]}"]',
    }[view])  # fmt: skip


def shown(page: Page, view: str) -> Locator:
    """All rows of sub-agents in a view."""
    return page.locator({
        "timeline": ".tl-head:not(.tl-role):visible",
        "tree": ".tree-row:visible",
        "table": ".ag-center-cols-container .ag-row:visible",
    }[view])  # fmt: skip


def see(page: Page, view: str) -> None:
    """Waits until a view is the one that is shown, with rows in it."""
    for name, section in SECTIONS.items():
        expect(page.locator(section)).to_be_visible(visible=name == view)
    expect(shown(page, view).first).to_be_visible()


def summary(page: Page) -> Locator:
    """What came of a deed for many."""
    return page.locator(".bulk .bulk-words")


def confirm(page: Page, title: str, act: str) -> None:
    """Answers the question that a deed for many asks."""
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".ask-title")).to_have_text(title)
    dialog.get_by_role("button", name=act, exact=True).click()


def tip_over(page: Page, tile: Json, share: float) -> str:
    """The card beside the pointer when it points at a part of a lane."""
    head = row(page, "timeline", tile).bounding_box()
    canvas = page.locator(".tl-canvas").bounding_box()
    assert head
    assert canvas
    page.mouse.move(canvas["x"] + canvas["width"] * share + 1, head["y"] + 12)
    page.mouse.move(canvas["x"] + canvas["width"] * share, head["y"] + 13)
    tip = page.locator(".tl-tip")
    return tip.inner_text() if tip.is_visible() else ""
