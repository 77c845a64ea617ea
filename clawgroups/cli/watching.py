"""Follows a group's feed from a terminal: what the group looks like now, and what there is to say about each change."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from clawgroups.cli.house import Json, ServerSilent, signed_in
from clawgroups.cli.words import line
from clawgroups.errors import ClawError

TICK_S = 0.25
LARGEST = 64 * 1024 * 1024
OPEN_S = 10.0
PATIENCE_S = 60.0  # how long a server that has gone may take to come back
NOT_FOUND = 4404
KEPT_CHARS = 400  # of the words under way
ENDED = ("done", "failed", "cancelled")


class Progress:
    """A group as the feed tells it. ``news`` gathers sentences for a log; whoever prints them empties it.

    ``wanted``: the sub-agents whose words are shown while they say them; whoever shows them names them.
    """

    def __init__(self) -> None:
        self.group: Json = {}
        self.tiles: dict[str, Json] = {}
        self.requests: dict[str, Json] = {}
        self.status: Json = {}
        self.opened: list[Json] = []
        self.news: list[str] = []
        self.wanted: tuple[str, ...] = ()
        self._words: dict[tuple[str, str], str] = {}
        self._number = -1

    @property
    def over(self) -> bool:
        """Whether the group has ended."""
        return bool(self.group.get("ended_at"))

    @property
    def ledger_stopped(self) -> str:
        """Why nothing can be written any more; empty while all is well."""
        ledger = self.status.get("ledger") or {}
        return str(ledger.get("message") or "it has stopped") if ledger.get("state") == "stopped" else ""

    def words(self, agent: str) -> str:
        """The last words of the turn under way, of those that are wanted."""
        return self._words.get((agent, "text"), "") or self._words.get((agent, "reasoning"), "")

    def hear(self, text: str) -> bool:
        """Takes one message of the feed; False when frames are missing and a snapshot must be asked for."""
        said = json.loads(text)
        return all([self._frame(frame) for frame in (said if isinstance(said, list) else [said])])

    def _frame(self, frame: Json) -> bool:
        match frame["t"]:
            case "snapshot":
                self._number = frame["n"]
                self._all_new(frame)
            case "batch":
                if frame["n"] != self._number + 1:
                    return False
                self._number = frame["n"]
                self._changes(frame)
            case "text":
                at = frame["agent"], frame["kind"]
                before = "" if frame.get("reset") else self._words.get(at, "")
                self._words[at] = (before + frame["add"])[-KEPT_CHARS:]
            case "status":
                self.status = frame
        return True

    def _all_new(self, frame: Json) -> None:
        self.status = frame.get("status") or self.status
        self._set_group(frame["group"])
        for tile in frame["tiles"]:
            self._set_tile(tile)
        known, self.requests = self.requests, {}
        for request in frame["requests"]:
            self._open(request, new=request["id"] not in known)

    def _changes(self, frame: Json) -> None:
        if "group" in frame:
            self._set_group(frame["group"])
        for tile in frame.get("tiles", ()):
            self._set_tile(tile)
        requests = frame.get("requests") or {"opened": [], "closed": []}
        for request in requests["opened"]:
            self._open(request, new=request["id"] not in self.requests)
        for request in requests["closed"]:
            if self.requests.pop(request, None):
                self.news.append(f"{request} is answered or no longer needed")

    def _set_group(self, group: Json) -> None:
        if self.group and group["status"] != self.group["status"]:
            self.news.append(f"the group is {group['status']} now")
        self.group = group

    def _set_tile(self, tile: Json) -> None:
        before = self.tiles.get(tile["id"])
        self.tiles[tile["id"]] = tile
        if before is not None and before["state"] == tile["state"]:
            return
        if tile["state"] in ENDED or tile["state"] in ("handing_over", "paused"):
            state = tile["state"].replace("_", " ")
            ended = sum(other["state"] in ENDED for other in self.tiles.values())
            self.news.append(
                f"{line(tile['name'], 40)} is {state}: {line(tile['title'], 80)} ({ended}/{len(self.tiles)} ended)"
            )

    def _open(self, request: Json, *, new: bool) -> None:
        self.requests[request["id"]] = request
        if new:
            self.opened.append(request)


def follow(group: str, server: Callable[[], Json], progress: Progress) -> Iterator[None]:
    """Keeps ``progress`` up to date; yields after each message, and every TICK_S when there is none.

    ``server`` gives the facts of the server to ask, each time a connection is made; it may raise ClawError while
    there is none. Ends never. Raises ClawError when the group is not there, or the server stays away for long.
    """
    heard, told = time.monotonic(), False
    while True:
        try:
            for _ in _listen(group, server(), progress):
                heard, told = time.monotonic(), False
                yield
        except (OSError, InvalidHandshake, ConnectionClosed, ClawError) as error:
            if _code(error) == NOT_FOUND:
                raise ClawError(f"There is no group {group}.") from error
            if time.monotonic() - heard > PATIENCE_S:
                raise ServerSilent(f"The server has not answered for {PATIENCE_S:g} s ({error}).") from error
            if not told:
                progress.news.append("the server does not answer; waiting for it")
            told = True
        time.sleep(TICK_S)
        yield


def _code(error: Exception) -> int:
    return error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd is not None else 0


def _listen(group: str, facts: Json, progress: Progress) -> Iterator[None]:
    address = f"ws{str(facts['url']).removeprefix('http')}/api/v1/groups/{group}/feed"
    options: dict[str, Any] = {"max_size": LARGEST, "open_timeout": OPEN_S, "compression": None, "proxy": None}
    with connect(address, additional_headers=signed_in(), **options) as feed:
        watched: tuple[str, ...] = ()
        while True:
            if watched != progress.wanted:
                watched = progress.wanted
                feed.send(json.dumps({"t": "watch", "agents": watched}))
            try:
                text: Any = feed.recv(timeout=TICK_S)
            except TimeoutError:
                yield
                continue
            if not progress.hear(text):
                feed.send('{"t":"resync"}')
            yield
