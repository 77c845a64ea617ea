"""What the tests in the browser do again and again: make a group, find a sub-agent at work, wait with a deadline."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from clawgroups.testing.model_process import ModelProcess

PATIENCE_S = 40.0
ENDED = ("done", "failed", "cancelled")
Json = dict[str, Any]


def wait_for(read: Callable[[], Any], what: str) -> Any:
    """The first true value of ``read``, within a deadline."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := read()):
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.05)
    return value


def done(reply: httpx.Response) -> Json:
    """The body of an answer that must be a success."""
    assert reply.is_success, f"{reply.status_code}: {reply.text}"
    body: Json = reply.json()
    return body


def model_member(api: httpx.Client, model: ModelProcess, script: str) -> str:
    """A model member that talks as ``script`` says (see ``model_scripts.named``); its id."""
    name = f"{script} {secrets.token_hex(2)}"
    body = {"name": name, "kind": "model", "model": {"base_url": model.base_url, "model": script}}
    return str(done(api.post("/members", json=body))["id"])


def person(api: httpx.Client, name: str) -> str:
    """Another person of the house; their id."""
    return str(done(api.post("/members", json={"name": name, "kind": "person"}))["id"])


def model_group(api: httpx.Client, model: ModelProcess, conductor: str, worker: str = "", **more: Any) -> str:
    """A group driven by models that are scripts; its id. It is started unless ``start=False``."""
    lead = model_member(api, model, conductor)
    body = {"name": f"Group {secrets.token_hex(2)}", "goal": "Describe the folder.", "conductor": lead, "start": True}
    body["worker"] = model_member(api, model, worker) if worker else lead
    return str(done(api.post("/groups", json={**body, **more}))["id"])


def survey(api: httpx.Client, folder: Path, **more: Any) -> str:
    """A survey of ``folder`` by the bundled programs; its id."""
    body = {"name": f"Survey {secrets.token_hex(2)}", "template": "survey", "folder": str(folder), "start": True}
    return str(done(api.post("/groups", json={**body, **more}))["id"])


def agents(api: httpx.Client, group: str) -> list[Json]:
    """The sub-agents of a group."""
    found: list[Json] = done(api.get(f"/groups/{group}/agents"))["agents"]
    return found


def agent(api: httpx.Client, agent_id: str) -> Json:
    """One sub-agent."""
    return done(api.get(f"/agents/{agent_id}"))


def worker_at_work(api: httpx.Client, group: str) -> Json:
    """A sub-agent with a parent that is driven by its own member and has words under way."""

    def look() -> Json | None:
        for tile in agents(api, group):
            if tile["parent"] and tile["state"] == "driving" and agent(api, tile["id"])["partial"]["text"]:
                return tile
        return None

    found: Json = wait_for(look, "a sub-agent at work")
    return found


def asking(api: httpx.Client, group: str, count: int = 1) -> list[Json]:
    """The open requests of a group, once there are so many."""

    def look() -> list[Json]:
        found: list[Json] = done(api.get("/requests", params={"group": group}))["requests"]
        return found if len(found) >= count else []

    waiting: list[Json] = wait_for(look, f"{count} requests")
    return waiting


def transcript(api: httpx.Client, agent_id: str) -> list[Json]:
    """The whole thread of a sub-agent."""
    entries: list[Json] = done(api.get(f"/agents/{agent_id}/transcript", params={"limit": 1000}))["entries"]
    return entries


def until_state(api: httpx.Client, agent_id: str, *states: str) -> Json:
    """The sub-agent, once it is in one of these states."""

    def look() -> Json | None:
        found = agent(api, agent_id)
        return found if found["state"] in states else None

    there: Json = wait_for(look, f"{agent_id} in {states}")
    return there


def until_over(api: httpx.Client, group: str) -> Json:
    """The group, once it has finished."""

    def look() -> Json | None:
        found = done(api.get(f"/groups/{group}"))
        return found if found["status"] == "finished" else None

    over: Json = wait_for(look, "the end of the group")
    return over


def at_the_wheel(page: Page) -> None:
    """Waits until the take-over screen says that the person drives, and shows the proof."""
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "mine")
    expect(page.locator(".wheel-proof")).to_contain_text("proved")


def take_the_wheel(page: Page) -> None:
    """Takes over now, on the take-over screen."""
    page.locator('.wheel [data-act="now"]').click()
    at_the_wheel(page)


def keyboard_focus(page: Page, selector: str) -> None:
    """Walks with the Tab key until an element that fits is focused."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("(s) => Boolean(document.activeElement?.matches(s))", selector):
            return
    raise AssertionError(f"The Tab key never reaches {selector}")


def act_as(page: Page, person_id: str) -> None:
    """From now on what this browser asks of the API is asked by that person."""
    page.set_extra_http_headers({"X-Claw-Person": person_id})


def item_of(page: Page, request: Json) -> Locator:
    """The request's item in the inbox of the group's page."""
    return page.locator(f'.item[data-request="{request["id"]}"]')


def until_request(api: httpx.Client, group: str, kind: str, agent_id: str = "") -> Json:
    """The first open request of this kind, once there is one."""

    def look() -> Json | None:
        waiting = done(api.get("/requests", params={"group": group}))["requests"]
        fits = [one for one in waiting if one["kind"] == kind and agent_id in ("", one["agent"])]
        return fits[0] if fits else None

    found: Json = wait_for(look, f"a request of kind {kind}")
    return found


class HeldCalls:
    """Calls of a page that are kept on their way until they are let go, or cut off."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self._routes: list[Route] = []
        page.route(re.compile(address), self._keep)

    def _keep(self, route: Route) -> None:
        self._routes.append(route)

    @property
    def count(self) -> int:
        """How many wait, once the page has done what it was about to do."""
        settle(self._page)
        return len(self._routes)

    def wait(self) -> None:
        """Waits until there is one."""
        wait_for(lambda: self.count, "the call")

    def let_go(self) -> None:
        """The answers come, and the page has heard them."""
        while self._routes:
            with self._page.expect_response(self._routes[0].request.url):
                self._routes.pop(0).continue_()
        settle(self._page)

    def cut(self) -> None:
        """No answer comes, and the page has heard that."""
        while self._routes:
            with self._page.expect_event("requestfailed"):
                self._routes.pop(0).abort()
        settle(self._page)


def settle(page: Page) -> None:
    """Waits until the page has worked off what it has heard, and drawn it twice."""
    page.evaluate("() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(go))))")


class HeldFeed:
    """The feed of a page that is opened after this: held back, it keeps what the server says until it is let go.

    ``address``: another socket of the page in its place.
    """

    def __init__(self, page: Page, address: str = "/feed$") -> None:
        self._kept: list[str | bytes] | None = None
        self._route: WebSocketRoute | None = None
        page.route_web_socket(re.compile(address), self._through)

    def _through(self, route: WebSocketRoute) -> None:
        self._route = route
        route.connect_to_server().on_message(self._pass)

    def _pass(self, message: str | bytes) -> None:
        if self._kept is not None:
            self._kept.append(message)
        elif self._route is not None:
            self._route.send(message)

    def hold(self) -> None:
        """From now on the page hears nothing."""
        self._kept = []

    def let_go(self) -> None:
        """The page hears what was kept, in order, and goes on live."""
        kept, self._kept = self._kept or [], None
        for message in kept:
            self._pass(message)
