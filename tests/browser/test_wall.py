"""The wall shows every sub-agent of a large group at once, in a place of its own."""

from __future__ import annotations

import httpx
from browser_faults import Opener
from browser_steps import agents, done, model_group, wait_for
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess

MANY = 130


def places(page: Page) -> dict[str, list[float]]:
    """Where every tile is, by the sub-agent's id."""
    found: dict[str, list[float]] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".tile")].map((tile) => {
            const { left, top } = tile.getBoundingClientRect();
            return [tile.dataset.id, [left, top]];
        }))"""
    )
    return found


def test_a_large_group_is_whole_on_the_wall_stable_searchable_and_live(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, f"conductor-{MANY}", "worker-900@6")
    page = open_page(f"/groups/{group}", width=1600, height=1100)
    expect(page.locator(".tile")).to_have_count(MANY + 1)
    wait_for(lambda: sum(tile["state"] == "driving" for tile in agents(api, group)) == MANY, "all at work")
    expect(page.locator('.wall-group[data-role="worker"] .tile[data-look="gen"]')).to_have_count(MANY)
    expect(page.locator('.wall-group[data-role="worker"] .wall-count')).to_have_text(str(MANY))
    before = places(page)
    me = done(api.get("/me"))["name"]

    # One changes hands: its tile says so by its look, its icon and its words, and no tile moves.
    taken = agents(api, group)[40]
    done(api.post(f"/agents/{taken['id']}/take-over", json={}))
    tile = page.locator(f'.tile[data-id="{taken["id"]}"]')
    expect(tile).to_have_attribute("data-look", "hum")
    expect(tile.locator(".tile-icon")).to_have_text("✎")
    expect(tile).to_have_attribute("aria-label", f"{taken['name']}: {me} drives, step 0, {taken['title']}")
    assert places(page) == before

    # The words of the one under the pointer are shown beside it, live.
    other = page.locator('.tile[data-look="gen"]').nth(3)
    other.hover()
    card = page.locator(".hover-words")
    expect(card).to_contain_text("folder")
    first = card.text_content()
    wait_for(lambda: card.text_content() != first, "new words in the card")
    page.mouse.move(2, 2)
    expect(page.locator(".hover")).to_be_hidden()

    # A filter fades what does not fit; nothing moves.
    page.keyboard.press("/")
    page.keyboard.type(f"{me} {taken['name']}")
    expect(page.locator(".tile:not(.tile-out)")).to_have_count(1)
    expect(page.locator(".gfoot")).to_contain_text(f"1 of {MANY + 1} sub-agents")
    assert places(page) == before
    page.keyboard.press("Escape")
    expect(page.locator(".tile-out")).to_have_count(0)

    # Large tiles show what is being written.
    page.get_by_role("button", name="Large tiles with live text").click()
    expect(page.locator('.tile[data-look="gen"] .tile-line').first).to_contain_text("the")
    done(api.post(f"/groups/{group}/cancel"))
    expect(page.locator(".ghead .tag")).to_have_text("Cancelled")


def test_a_group_that_has_not_started_and_one_that_does_not_exist_say_so(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-1", start=False)
    page = open_page(f"/groups/{group}")
    expect(page.locator(".ghead .tag")).to_have_text("Not started")
    expect(page.locator('.tile[data-look="queued"]')).to_have_count(1)
    expect(page.locator(".gfoot-state")).to_have_text("live · not started")
    page = open_page("/groups/nosuchgroup")
    expect(page.get_by_role("alert")).to_contain_text("nosuchgroup")
    expect(page.get_by_role("link", name="To the groups")).to_be_visible()
