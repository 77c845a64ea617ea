"""The feed: live changes of a group in numbered batches, encoded once for all who watch.

A viewer has a small bounded queue. One that falls behind gets a fresh snapshot instead of a backlog. Live text
goes only to those who watch that sub-agent. Who watches is told like any other change; see ``dispatcher/presence.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from clawgroups.dispatcher.live import LiveText
from clawgroups.dispatcher.presence import Present
from clawgroups.dispatcher.unsent import PARTS, Unsent
from clawgroups.errors import ClawError, NotFound
from clawgroups.ids import group_of, now_ms
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.feed")
BATCH_S = 0.12
BEAT_S = 4.0  # who hears nothing for so long is told that there is nothing
MOST_WAITING = 1024 * 1024  # characters that may wait for one viewer
MOST_WATCHED = 320
_encode = msgspec.json.Encoder().encode


class FeedClosed(ClawError):
    """The viewer has gone."""

    code = "feed_closed"


class _FromViewer(msgspec.Struct, tag_field="t", frozen=True):
    pass


class _Watch(_FromViewer, tag="watch", frozen=True):
    agents: list[str]


class _Look(_FromViewer, tag="look", frozen=True):
    agent: str = ""


class _Write(_FromViewer, tag="write", frozen=True):
    agent: str
    epoch: int
    turn: str = ""
    tool: str = ""
    arguments: str = ""
    note: str = ""


class _Resync(_FromViewer, tag="resync", frozen=True):
    pass


class _Ping(_FromViewer, tag="ping", frozen=True):
    at: float = 0


_from_viewer = msgspec.json.Decoder(_Watch | _Look | _Write | _Resync | _Ping)


def _leave(name: str, error: BaseException) -> None:
    """How a viewer's tasks end is told by ``serve``; that it ended is no failure."""
    log.debug("%s ended: %s", name, error)


class Viewer:
    """One browser. ``behind`` asks for a snapshot in place of what did not fit; ``looks_at``: what is open in it."""

    def __init__(self, person: tuple[str, str] = ("", "")) -> None:
        self.person = person
        self.looks_at = ""
        self.unsent: tuple[str, int] | None = None  # whose unsent words they saw last, and which
        self.behind = True
        self.watching: frozenset[str] = frozenset()
        self.fresh: frozenset[str] = frozenset()
        self._frames: list[str] = []
        self._size = 0
        self._woken = asyncio.Event()

    def watch(self, agents: frozenset[str]) -> None:
        """Watches these from the next batch on; what is new among them comes whole first."""
        self.fresh = agents - self.watching
        self.watching &= agents

    @property
    def has_room(self) -> bool:
        """Whether it keeps up well enough for more than what is new."""
        return not self.behind and self._size < MOST_WAITING // 2

    def offer(self, text: str) -> None:
        """Queues a frame, or marks the viewer as behind when it does not keep up."""
        if self.behind:
            return
        self._frames.append(text)
        self._size += len(text)
        self._woken.set()
        if self._size > MOST_WAITING:
            self.restart()

    async def take(self) -> str:
        """Everything that waits as one message: a frame, or an array of frames; empty when it has to restart."""
        await self._woken.wait()
        self._woken.clear()
        frames, self._frames, self._size = self._frames, [], 0
        return frames[0] if len(frames) == 1 else f"[{','.join(frames)}]" if frames else ""

    def restart(self) -> None:
        """Drops the backlog; a snapshot comes next, and everything watched comes whole again."""
        self.behind, self.unsent = True, None
        self.fresh, self.watching = self.fresh | self.watching, frozenset()
        self._frames, self._size = [], 0
        self._woken.set()


class GroupFeed:
    """What changed in one group since the last batch, and who watches it."""

    def __init__(self) -> None:
        self.number = 0
        self.viewers: set[Viewer] = set()
        self.tiles: set[str] = set()
        self.group = False
        self.room = False  # something was said
        self.opened: set[str] = set()
        self.closed: set[str] = set()
        self.changed: set[str] = set()  # open requests that another person has now, or nobody
        self.events: deque[dict[str, Any]] = deque(maxlen=20)
        self.people = Present()
        self.told_at = time.monotonic()

    @property
    def dirty(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.tiles or self.group or self.opened or self.closed or self.changed or self.events)


Snapshot = Callable[[str], Awaitable[dict[str, Any]]]
Changes = Callable[[str, GroupFeed], dict[str, Any]]


class Feeds:
    """All feeds. ``snapshot`` and ``changes`` make the bodies; this class only paces and delivers them."""

    def __init__(self, live: LiveText, snapshot: Snapshot, changes: Changes, unsent: Unsent) -> None:
        self.live = live
        self.unsent = unsent
        self._snapshot = snapshot
        self._changes = changes
        self._feeds: dict[str, GroupFeed] = defaultdict(GroupFeed)
        self.status: dict[str, Any] = {}

    def of(self, group: str) -> GroupFeed | None:
        """The group's feed while anybody watches it."""
        return self._feeds.get(group)

    def tell_status(self, status: dict[str, Any]) -> None:
        """Tells every viewer that the server's own state changed."""
        self.status = status
        text = _encode({"t": "status", **status}).decode()
        for feed in self._feeds.values():
            for viewer in feed.viewers:
                viewer.offer(text)

    async def run(self) -> None:
        """Sends a batch every BATCH_S to those feeds that have changes."""
        while True:
            started = time.monotonic()
            for group, feed in list(self._feeds.items()):
                self._send_batch(group, feed)
                self._send_text(group, feed)
                self._send_unsent(feed)
                self._send_beat(feed, started)
            await asyncio.sleep(max(0.02, BATCH_S - (time.monotonic() - started)))

    def _send_batch(self, group: str, feed: GroupFeed) -> None:
        rates = self.live.rates(group)
        people = feed.people.news(feed.viewers)
        if not feed.dirty and not rates and people is None:
            return
        body = self._changes(group, feed)
        feed.number += 1
        feed.told_at = time.monotonic()
        batch: dict[str, Any] = {"t": "batch", "n": feed.number, **body}
        if rates:
            batch["live"] = rates
        if people is not None:
            batch["people"] = people
        text = _encode(batch).decode()
        for viewer in feed.viewers:
            viewer.offer(text)

    def _send_beat(self, feed: GroupFeed, now: float) -> None:
        """A silence must not look like a connection that is alive, nor the other way round."""
        if now - feed.told_at < BEAT_S:
            return
        feed.told_at = now
        text = _encode({"t": "beat", "at": now_ms()}).decode()
        for viewer in feed.viewers:
            viewer.offer(text)

    def _send_text(self, group: str, feed: GroupFeed) -> None:
        watched = frozenset(agent for viewer in feed.viewers for agent in viewer.watching)
        for agent, frames in self.live.take(group, watched).items():
            texts = [_encode(frame).decode() for frame in frames]
            for viewer in feed.viewers:
                if agent in viewer.watching:
                    for text in texts:
                        viewer.offer(text)
        for viewer in feed.viewers:
            self._begin_watch(viewer)
        self.live.watch(group, frozenset(agent for viewer in feed.viewers for agent in viewer.watching))

    def _begin_watch(self, viewer: Viewer) -> None:
        """As many as there is room for; the others with the next batches, or the whole would never get through."""
        for agent in sorted(viewer.fresh):
            if not viewer.has_room:
                return
            viewer.fresh -= {agent}
            viewer.watching |= {agent}
            for frame in self.live.resets([agent]):
                viewer.offer(_encode(frame).decode())

    def _send_unsent(self, feed: GroupFeed) -> None:
        """What somebody writes at the wheel, to the others who have that sub-agent open."""
        for viewer in feed.viewers:
            if not viewer.looks_at or not viewer.has_room:
                continue
            words = self.unsent.words(viewer.looks_at)
            if viewer.unsent != (seen := (viewer.looks_at, words.number)):
                viewer.unsent = seen
                if words.by != viewer.person[0]:
                    viewer.offer(_encode(words.frame(viewer.looks_at)).decode())

    async def serve(
        self,
        group: str,
        send: Callable[[str], Awaitable[None]],
        receive: Callable[[], Awaitable[str]],
        person: tuple[str, str] = ("", ""),
    ) -> None:
        """One viewer, until ``send`` or ``receive`` raises FeedClosed. ``person``: id and name.

        Raises ClawError for nonsense.
        """
        viewer, feed = Viewer(person), self._feeds[group]
        feed.viewers.add(viewer)
        tasks = Tasks(_leave)
        try:
            sending = tasks.start(self._deliver(group, viewer, send), name="feed-send")
            hearing = tasks.start(self._hear(group, viewer, receive), name="feed-receive")
            done, _ = await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with contextlib.suppress(FeedClosed):  # that is how a viewer leaves
                    task.result()
        finally:
            feed.viewers.discard(viewer)
            self.unsent.leave(viewer)
            if not feed.viewers:
                self._feeds.pop(group, None)
                self.live.forget_watch(group)
            await tasks.close()

    async def _deliver(self, group: str, viewer: Viewer, send: Callable[[str], Awaitable[None]]) -> None:
        while True:
            if viewer.behind:
                # NOTE: the number is read after the snapshot was made, and nothing awaits in between.
                body = await self._snapshot(group)
                feed = self._feeds[group]
                viewer.behind = False
                people = feed.people.whole(feed.viewers)
                told = {"t": "snapshot", "n": feed.number, **body, "status": self.status, "people": people}
                await send(_encode(told).decode())
            text = await viewer.take()
            if text:
                await send(text)

    async def _hear(self, group: str, viewer: Viewer, receive: Callable[[], Awaitable[str]]) -> None:
        while True:
            try:
                message = _from_viewer.decode(await receive())
            except msgspec.DecodeError as error:
                raise ClawError(f"The feed does not understand that: {error}", code="bad_frame") from error
            if isinstance(message, _Watch):
                # of this group alone: words are given out once, so another group's viewers would miss them
                own = (agent for agent in message.agents if group_of(agent) == group)
                viewer.watch(frozenset(itertools.islice(own, MOST_WATCHED)))
            elif isinstance(message, _Look):
                viewer.looks_at = message.agent if group_of(message.agent) == group else ""
            elif isinstance(message, _Write):
                self._take_unsent(group, viewer, message)
            elif isinstance(message, _Resync):
                viewer.restart()

    def _take_unsent(self, group: str, viewer: Viewer, message: _Write) -> None:
        """A refusal is told to the writer alone."""
        try:
            if group_of(message.agent) != group:
                raise NotFound(f"There is no sub-agent {message.agent[:80]} in this group.")
            parts = {part: getattr(message, part) for part in PARTS}
            self.unsent.write(viewer, viewer.person, message.agent, message.epoch, parts)
        except ClawError as error:
            viewer.offer(_encode({"t": "refused", "agent": message.agent[:80], **error.as_dict()}).decode())
