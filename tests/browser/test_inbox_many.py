"""Three hundred requests at once: shown by and by, and the keyboard never loses its place; and the one-time offer."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from browser_faults import Opener
from browser_steps import Json, asking, done, model_group
from playwright.sync_api import Page, WebSocketRoute, expect

from clawgroups.testing.model_process import ModelProcess

MANY = 300
PAGE = 50
ALLOWED = """
Object.defineProperty(Notification, "permission", { get: () => window.allowed ?? "default" });
Notification.requestPermission = async () => {
  window.asked = (window.asked ?? 0) + 1;
  return (window.allowed = "%s");
};
"""
FOCUSED = "() => document.activeElement?.closest('[data-request]')?.dataset.request ?? ''"


@pytest.fixture(scope="module")
def waiting(api: httpx.Client, model: ModelProcess) -> Json:
    """A group with one request that stays open."""
    group = model_group(api, model, "asker@0")
    return asking(api, group)[0]


class Crowd:
    """The feed of a page, in which one request becomes three hundred; ``end`` takes one of them away again."""

    def __init__(self, page: Page) -> None:
        self._route: WebSocketRoute | None = None
        self._number = 0
        self.ids: list[str] = []
        page.route_web_socket(re.compile("/feed$"), self._through)

    def _through(self, route: WebSocketRoute) -> None:
        self._route = route
        route.connect_to_server().on_message(lambda message: route.send(self._crowded(str(message))))

    def _crowded(self, message: str) -> str:
        said = json.loads(message)
        frames: list[dict[str, Any]] = said if isinstance(said, list) else [said]
        for frame in frames:
            if frame["t"] == "snapshot":
                self._number = frame["n"]
                (one,) = frame["requests"]
                made = [
                    {
                        **one,
                        "id": f"{one['id']}{n:03}",
                        "cause": f"cause {n}",
                        "opened_at": one["opened_at"] - n * 60_000,
                    }
                    for n in range(MANY)
                ]
                self.ids = [request["id"] for request in reversed(made)]  # the oldest costs the most
                frame["requests"] = made
            elif frame["t"] == "batch":
                self._number = frame["n"]
        return json.dumps(frames)

    def end(self, *ids: str) -> None:
        """These are settled by somebody else."""
        assert self._route is not None
        self._number += 1
        body = {"t": "batch", "n": self._number, "requests": {"opened": [], "changed": [], "closed": list(ids)}}
        self._route.send(json.dumps(body))


def crowd(open_page: Opener, request: Json) -> tuple[Page, Crowd]:
    """The inbox with three hundred requests."""
    page = open_page("/claw/icon.svg")
    made = Crowd(page)
    page.goto(page.url.replace("/claw/icon.svg", f"/groups/{request['group']}"))
    expect(page.locator(".inbox > .pane-head .count")).to_have_text(str(MANY))
    return page, made


def items(page: Page) -> Any:
    """The requests that are in the page."""
    return page.locator(".inbox-list > li[data-request]")


def test_they_come_by_and_by_and_the_focus_goes_to_the_first_new_one(open_page: Opener, waiting: Json) -> None:
    page, made = crowd(open_page, waiting)
    expect(items(page)).to_have_count(PAGE)
    for shown in range(PAGE, MANY, PAGE):
        more = page.get_by_role("button", name=re.compile("^Show 50 more of"))
        more.focus()
        page.keyboard.press("Enter")
        expect(items(page)).to_have_count(shown + PAGE)
        assert page.evaluate(FOCUSED) == made.ids[shown]
    expect(page.get_by_role("button", name=re.compile("^Show"))).to_have_count(0)


def test_the_keys_walk_beyond_what_is_shown(open_page: Opener, waiting: Json) -> None:
    page, made = crowd(open_page, waiting)
    page.keyboard.press("k")  # the one before the first is the last
    expect(page.locator(f'[data-request="{made.ids[-1]}"] .item-name')).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(f'[data-request="{made.ids[0]}"] .item-name')).to_be_focused()


def test_what_others_settle_does_not_take_the_focus_away(open_page: Opener, waiting: Json) -> None:
    page, made = crowd(open_page, waiting)
    third = page.locator(f'[data-request="{made.ids[2]}"] .item-name')
    third.focus()
    made.end(made.ids[0])
    expect(page.locator(f'[data-request="{made.ids[0]}"]')).to_have_count(0)
    expect(third).to_be_focused()
    made.end(made.ids[2])
    expect(third).to_have_count(0)
    expect(page.locator(f'[data-request="{made.ids[3]}"] .item-name')).to_be_focused()


def test_each_item_says_in_words_what_is_at_stake(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group = model_group(api, model, "conductor-1@0", "worker-9@0", policies={"write_file": "ask"})
    (request,) = asking(api, group)
    assert request["risk"] == {"weight": 1.5, "words": "changes files"}
    page = open_page(f"/groups/{group}")
    expect(page.locator(f'[data-request="{request["id"]}"] .item-risk')).to_have_text("changes files")
    done(api.post(f"/groups/{group}/cancel"))


@pytest.mark.parametrize(("answer", "kept"), [("granted", "on"), ("denied", None)])
def test_notifications_are_offered_once_and_asked_for_only_on_a_click(
    answer: str, kept: str | None, open_page: Opener, waiting: Json
) -> None:
    page = open_page("/claw/icon.svg")
    page.add_init_script(ALLOWED % answer)
    page.goto(page.url.replace("/claw/icon.svg", f"/groups/{waiting['group']}"))
    offer = page.locator(".inbox-hint")
    expect(offer).to_be_visible()
    assert page.evaluate("() => window.asked ?? 0") == 0
    offer.get_by_role("button", name="Notify me").click()
    expect(offer).to_have_count(0)
    assert page.evaluate("() => [window.asked, localStorage.getItem('claw-notify')]") == [1, kept]
    if answer == "denied":
        expect(page.locator(".say-sentence")).to_have_text("The browser does not allow it.")
    page.reload()
    expect(items(page)).to_have_count(1)
    expect(offer).to_have_count(0)


def test_an_offer_that_was_refused_never_comes_again(open_page: Opener, waiting: Json) -> None:
    page = open_page("/claw/icon.svg")
    page.add_init_script(ALLOWED % "granted")
    page.goto(page.url.replace("/claw/icon.svg", f"/groups/{waiting['group']}"))
    offer = page.locator(".inbox-hint")
    offer.get_by_role("button", name="No, thanks").click()
    expect(offer).to_have_count(0)
    page.reload()
    expect(items(page)).to_have_count(1)
    expect(offer).to_have_count(0)
    assert page.evaluate("() => window.asked ?? 0") == 0
