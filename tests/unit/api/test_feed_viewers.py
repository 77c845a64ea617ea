"""How the feed treats viewers: what it owes each of them, and what it does with one that asks for more than fits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clawgroups.dispatcher.feed import MOST_WAITING, FeedClosed, Feeds, GroupFeed, Viewer
from clawgroups.dispatcher.live import KEEP_CHARS, LiveText
from clawgroups.dispatcher.unsent import Unsent
from clawgroups.errors import Forbidden
from clawgroups.link.messages import Delta
from clawgroups.tasks import Tasks

MANY = 150  # times the kept text of one turn, it is three times what may wait for a viewer


class Page:
    """A viewer's end: reads as slowly as it likes."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self.slow = 0.0
        self.heard = asyncio.Event()

    async def send(self, text: str) -> None:
        """Takes a message."""
        await asyncio.sleep(self.slow)
        told = json.loads(text)
        self.frames += told if isinstance(told, list) else [told]
        self.heard.set()

    async def receive(self) -> str:
        """Says something; an empty word is a farewell."""
        if not (word := await self.said.get()):
            raise FeedClosed()
        return word

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The frames of one kind."""
        return [frame for frame in self.frames if frame["t"] == kind]

    async def until(self, holds: Any) -> None:
        """Waits for a frame that makes it true."""
        async with asyncio.timeout(20):
            while not holds():
                self.heard.clear()
                await self.heard.wait()


async def _snapshot(group: str) -> dict[str, Any]:
    return {"group": {"id": group}}


def _nobody(agent: str, person: str, epoch: int) -> None:
    raise Forbidden("Nobody drives here.")


def _changes(group: str, feed: GroupFeed) -> dict[str, Any]:
    feed.group = False
    return {"group": {"id": group}}


@pytest.fixture
async def live() -> LiveText:
    return LiveText()


@pytest.fixture
async def feeds(live: LiveText) -> AsyncIterator[Feeds]:
    made, tasks = Feeds(live, _snapshot, _changes, Unsent(_nobody)), Tasks()
    tasks.start(made.run(), name="feeds")
    yield made
    await tasks.close()


@pytest.fixture
async def page(feeds: Feeds) -> AsyncIterator[Page]:
    made, tasks = Page(), Tasks()
    tasks.start(feeds.serve("g", made.send, made.receive), name="viewer")
    await made.until(lambda: made.frames)
    yield made
    made.said.put_nowait("")
    await tasks.drain()
    assert feeds.of("g") is None, "when nobody watches, nothing is kept"


async def test_who_watches_more_than_fits_gets_it_all_and_is_not_started_over_and_over(
    live: LiveText, page: Page
) -> None:
    agents = [f"g-{number}" for number in range(1, MANY + 1)]
    for agent in agents:
        live.add(Delta(agent, 1, "text", "x" * KEEP_CHARS, 1), 1)
    assert MANY * KEEP_CHARS > 2 * MOST_WAITING
    page.said.put_nowait(json.dumps({"t": "watch", "agents": agents}))
    await page.until(lambda: len({f["agent"] for f in page.of("text") if f["add"]}) == MANY)
    assert all(len(frame["add"]) == KEEP_CHARS for frame in page.of("text") if frame["add"])
    assert len(page.of("snapshot")) == 1


async def test_batches_are_numbered_from_the_snapshot_on(feeds: Feeds, page: Page) -> None:
    for count in range(1, 4):
        feed = feeds.of("g")
        assert feed is not None
        feed.group = True
        await page.until(lambda count=count: len(page.of("batch")) == count)
    first = page.of("snapshot")[0]["n"]
    assert [batch["n"] for batch in page.of("batch")] == [first + 1, first + 2, first + 3]


async def test_a_snapshot_after_a_resync_continues_the_numbers(feeds: Feeds, page: Page) -> None:
    feed = feeds.of("g")
    assert feed is not None
    feed.group = True
    await page.until(lambda: page.of("batch"))
    page.said.put_nowait('{"t": "resync"}')
    await page.until(lambda: len(page.of("snapshot")) == 2)
    assert page.of("snapshot")[1]["n"] == page.of("batch")[0]["n"]
    feed.group = True
    await page.until(lambda: len(page.of("batch")) == 2)
    assert page.of("batch")[1]["n"] == page.of("snapshot")[1]["n"] + 1


async def test_what_waits_for_a_viewer_is_bounded_and_lost_whole() -> None:
    viewer = Viewer()
    viewer.behind = False
    viewer.watching = frozenset({"g-1"})
    for _ in range(20):
        viewer.offer("x" * (MOST_WAITING // 10))
    assert viewer.behind, "it gets a snapshot in place of what did not fit"
    assert (viewer.watching, viewer.fresh) == (frozenset(), frozenset({"g-1"})), "what it watched comes whole again"
    assert await viewer.take() == ""


async def test_frames_that_wait_together_are_sent_as_one_message_in_order() -> None:
    viewer = Viewer()
    viewer.behind = False
    for number in range(3):
        viewer.offer(json.dumps({"n": number}))
    assert json.loads(await viewer.take()) == [{"n": 0}, {"n": 1}, {"n": 2}]
    viewer.offer('{"n": 3}')
    assert json.loads(await viewer.take()) == {"n": 3}
