"""What the tests of accounts do again and again: set up, invite, sign in, watch over a socket, wait."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from clawgroups.testing.server_process import ServerProcess

PATIENCE_S = 30.0
PASSWORD = "correct horse"
Json = dict[str, Any]


def wait_for(read: Callable[[], Any], what: str) -> Any:
    """The first true value of ``read``, within a deadline."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := read()):
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.03)
    return value


def done(reply: httpx.Response) -> Any:
    """The body of an answer that must be a success."""
    assert reply.is_success, f"{reply.status_code}: {reply.text}"
    return reply.json()


def wrong(reply: httpx.Response, status: int, code: str) -> Json:
    """The error of an answer that must be one."""
    assert reply.status_code == status, f"{reply.status_code}: {reply.text}"
    error: Json = reply.json()["error"]
    assert error["code"] == code, error
    assert error["sentence"]
    assert error["hint"]
    return error


class Team:
    """A server on which people sign in: ``ada`` is its admin, and ``join`` brings others."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self._browsers: list[httpx.Client] = []
        self.ada = self.stranger()
        key = (server.home / "set-up.key").read_text()
        body = {"key": key, "sign_in_name": "ada", "name": "Ada", "password": PASSWORD}
        done(self.ada.post("/set-up", json=body))

    def stranger(self, **headers: str) -> httpx.Client:
        """A browser in which nobody is signed in."""
        made = httpx.Client(base_url=self.server.api, timeout=PATIENCE_S, trust_env=False, headers=headers)
        self._browsers.append(made)
        return made

    def close(self) -> None:
        """Closes all browsers."""
        for browser in self._browsers:
            browser.close()

    def join(self, name: str, role: str) -> httpx.Client:
        """The browser of a new person."""
        made = done(self.ada.post("/accounts", json={"sign_in_name": name, "name": name.title(), "role": role}))
        browser = self.stranger()
        key = made["invitation"].split("=")[1]
        done(browser.post("/invitation", json={"key": key, "password": PASSWORD}))
        return browser

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Client:
        """Another browser of a person."""
        browser = self.stranger()
        done(browser.post("/sign-in", json={"name": name, "password": password}))
        return browser

    def group(self, **more: Any) -> str:
        """A group that has not started; its id."""
        body = {"name": "Quiet", "goal": "Nothing yet.", "conductor": "survey-conductor"}
        return str(done(self.ada.post("/groups", json={**body, **more}))["id"])

    def watch(self, browser: httpx.Client, group: str) -> ClientConnection:
        """A socket to the group's feed, as this browser's."""
        return socket(f"{self.server.api}/groups/{group}/feed", browser)


def cookies_of(browser: httpx.Client) -> str:
    """The header that the browser sends."""
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies.jar)


def socket(url: str, browser: httpx.Client | None = None, **headers: str) -> ClientConnection:
    """A websocket. Raises InvalidStatus where none is given."""
    sent = dict(headers)
    if browser is not None and cookies_of(browser):
        sent["Cookie"] = cookies_of(browser)
    return connect(f"ws{url.removeprefix('http')}", additional_headers=sent, proxy=None, open_timeout=PATIENCE_S)


def frames(feed: ClientConnection) -> list[Json]:
    """What comes next."""
    said = json.loads(feed.recv(timeout=PATIENCE_S))
    return said if isinstance(said, list) else [said]


def people(feed: ClientConnection, wanted: dict[str, list[str]]) -> None:
    """Reads until just these people are told, by name, with what each has open."""
    deadline = time.monotonic() + PATIENCE_S
    told: Any = None
    while time.monotonic() < deadline:
        for frame in frames(feed):
            if "people" in frame:
                told = {one["name"]: one["agents"] for one in frame["people"]}
        if told == wanted:
            return
    raise AssertionError(f"{told} was told last, not {wanted}")


def closed_with(feed: ClientConnection) -> int:
    """Reads to the end; the code with which the server closed."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            feed.recv(timeout=PATIENCE_S)
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else 0
    raise AssertionError("the socket was not closed")
