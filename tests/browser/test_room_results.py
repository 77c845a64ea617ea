"""Results in the room: many of sub-agents are one row until somebody wants each; the conductor's stands in full."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from browser_faults import Opener
from browser_steps import agents, done, model_group, survey, until_over, wait_for
from playwright.sync_api import expect

from clawgroups.testing.model_process import ModelProcess

TASKS = 60  # more than a page of the room


@pytest.fixture(scope="module")
def finished(api: httpx.Client, model: ModelProcess) -> str:
    """A group whose conductor gave many tasks, all of them done; its id."""
    made = model_group(api, model, f"conductor-{TASKS}@0", "worker-60@0")
    until_over(api, made)
    return made


def test_many_results_are_one_row_until_each_is_wanted(open_page: Opener, finished: str) -> None:
    page = open_page(f"/groups/{finished}?view=room")
    row = page.locator(".talk-bunch")
    expect(row).to_contain_text(f"{TASKS} results")
    expect(page.locator("article.talk-finished")).to_have_count(1)
    expect(page.locator("article.talk-finished")).to_contain_text(f"All {TASKS} tasks have answered")
    row.get_by_role("button", name="Show each").click()
    expect(page.locator("article.talk-finished")).to_have_count(TASKS + 1)
    one = page.locator("article.talk-finished").first
    expect(one).to_contain_text("finished:")
    one.get_by_role("button", name="All of it").click()
    expect(one.locator(".talk-text")).to_contain_text(f"Result: Task 1 of {TASKS}")
    expect(one.get_by_role("button", name="Less")).to_be_visible()
    row.get_by_role("button", name="Fold").click()
    expect(page.locator("article.talk-finished")).to_have_count(1)


def test_a_click_on_a_result_selects_its_sub_agent(open_page: Opener, api: httpx.Client, finished: str) -> None:
    page = open_page(f"/groups/{finished}?view=room")
    page.get_by_role("button", name="Show each").click()
    worker = next(tile for tile in agents(api, finished) if tile["parent"])
    page.locator("article.talk-finished").get_by_role("button", name=worker["name"], exact=True).click()
    expect(page.locator(".drawer-title h2")).to_have_text(worker["name"])
    page.get_by_role("button", name=f"Only {worker['name']}").click()
    expect(page.locator("article.talk-finished")).to_have_count(1)
    expect(page.locator(".talk-bunch")).to_have_count(0)


def test_a_result_comes_while_somebody_looks(open_page: Opener, api: httpx.Client, folder: Path) -> None:
    made = survey(api, folder, pace=0, start=False)
    page = open_page(f"/groups/{made}?view=room")
    expect(page.get_by_text("Nothing was said yet")).to_be_visible()
    done(api.post(f"/groups/{made}/start"))
    wait_for(lambda: done(api.get(f"/groups/{made}"))["status"] == "finished", "the end")
    expect(page.locator(".talk-whole")).to_contain_text("finished")
    expect(page.locator(".talk-bunch")).to_contain_text("3 results")


def test_words_between_results_keep_their_place(open_page: Opener, api: httpx.Client, finished: str) -> None:
    done(api.post(f"/groups/{finished}/messages", json={"text": "Well done."}))
    page = open_page(f"/groups/{finished}?view=room", width=390, height=844)
    expect(page.locator(".talk-one")).to_have_count(3)
    kinds = page.locator(".talk-one").evaluate_all("(all) => all.map((one) => one.className)")
    assert ["bunch" in kinds[0], "whole" in kinds[1], "post" in kinds[2]] == [True, True, True]
