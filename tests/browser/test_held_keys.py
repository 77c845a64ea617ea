"""A key that is held, or pressed twice, answers one request: the one that was open when it went down."""

from __future__ import annotations

import re

import httpx
import pytest
from browser_faults import Opener
from browser_steps import HeldCalls, asking, item_of, wait_for
from inbox_steps import Swarms, answers_of, count_is, writes
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module")
def swarms(api: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Swarms:
    """Groups whose sub-agents ask what a test says."""
    return Swarms(api, tmp_path_factory.mktemp("gates"))


def opened(page: Page) -> str:
    """The request that is open in the inbox, if any."""
    found: str = page.evaluate("() => document.querySelector('.item-open')?.dataset.request ?? ''")
    return found


def test_a_held_key_answers_one_and_not_the_next(open_page: Opener, api: httpx.Client, swarms: Swarms) -> None:
    group, _ = swarms.asking(*(writes(f"held-{n}.txt") for n in range(3)))
    page = open_page(f"/groups/{group}")
    count_is(page, 3)
    page.keyboard.press("j")
    first = opened(page)
    page.keyboard.down("a")
    wait_for(lambda: page.keyboard.down("a") or opened(page) not in ("", first), "the next to be open")
    for _ in range(20):
        page.keyboard.down("a")
    page.keyboard.up("a")
    count_is(page, 2)
    assert [one["id"] for one in answers_of(api, group)] == [first]
    assert first not in [one["id"] for one in asking(api, group, 2)]


def test_what_is_pressed_twice_is_sent_once(open_page: Opener, api: httpx.Client, swarms: Swarms) -> None:
    group, _ = swarms.asking(writes("twice-0.txt"), writes("twice-1.txt"))
    page = open_page(f"/groups/{group}")
    count_is(page, 2)
    page.keyboard.press("j")
    first = opened(page)
    answers = HeldCalls(page, "/answer$")
    page.keyboard.press("a")
    page.keyboard.press("a")
    answers.wait()
    assert answers.count == 1
    answers.let_go()
    count_is(page, 1)
    assert [one["id"] for one in answers_of(api, group)] == [first]


def test_the_keys_that_walk_may_be_held(open_page: Opener, swarms: Swarms) -> None:
    group, requests = swarms.asking(writes("walk-0.txt"), writes("walk-1.txt"))
    page = open_page(f"/groups/{group}")
    count_is(page, 2)
    page.keyboard.down("j")
    first = opened(page)
    page.keyboard.down("j")
    page.keyboard.up("j")
    other = next(one for one in requests if one["id"] != first)
    expect(item_of(page, other)).to_have_class(re.compile("item-open"))
