"""One sub-agent's terminal as everybody sees it: what is kept of its output, who watches, who sets the pace."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from clawgroups.dispatcher.crew.runner_link import RunnerLink

KEPT = 256 * 1024  # characters of output that late comers are shown
MOST_QUEUED = 512 * 1024  # characters that a slow viewer may have waiting; then it is shown everything anew
NONE, OPENING, OPEN, CLOSING, RESTING, ENDED = "none", "opening", "open", "closing", "resting", "ended"
Send = Callable[[str], Awaitable[None]]


class Viewer:
    """One connection. Its frames wait in a bounded queue; ``anew`` makes what it sees from the start."""

    def __init__(self, person: str, anew: Callable[[], list[str]]) -> None:
        self.person = person
        self.taken = 0
        self._anew = anew
        self._frames: deque[str] = deque()
        self._queued = 0
        self._stale = True
        self._news = asyncio.Event()
        self._news.set()

    def show(self, frame: str) -> None:
        """Queues a frame; a viewer that is too slow loses what waits and gets everything anew."""
        if self._stale:
            return
        self._frames.append(frame)
        self._queued += len(frame)
        if self._queued > MOST_QUEUED:
            self.begin_anew()
        self._news.set()

    def begin_anew(self) -> None:
        """It will be shown everything from the start."""
        self._frames.clear()
        self._queued = 0
        self._stale = True
        self._news.set()

    async def run(self, send: Send) -> None:
        """Sends for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._stale:
                self._stale = False
                self._frames.extend(self._anew())
            while self._frames:
                frame = self._frames.popleft()
                self._queued = max(0, self._queued - len(frame))
                await send(frame)


class Room:
    """The state of one terminal. ``call`` is the call under whose name it is open."""

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.state = NONE
        self.epoch = 0
        self.by = ""
        self.why = ""
        self.call = ""
        self.link: RunnerLink | None = None
        self.cols, self.rows = 80, 24
        self.number = 0
        self.unrecorded = False  # something came out while no call was open
        self.waiting: list[str] = []  # typed, for a shell that is not open yet
        self.viewers: set[Viewer] = set()
        self.changed = asyncio.Event()
        self._kept: deque[str] = deque()
        self._size = 0

    @property
    def alive(self) -> bool:
        """Whether there is a shell, or one is about to be."""
        return self.state in (OPENING, OPEN, CLOSING, RESTING)

    def begin(self, *, cols: int, rows: int) -> None:
        """A new shell: nothing of the former one is shown any more."""
        self.cols, self.rows = cols, rows
        self.number = 0
        self.why = ""
        self._kept.clear()
        self._size = 0
        for viewer in self.viewers:
            viewer.taken = 0
            viewer.begin_anew()

    def came_out(self, number: int, text: str) -> None:
        """A piece of output: kept, and shown to all."""
        self.number = number
        self._kept.append(text)
        self._size += len(text)
        while self._size - len(self._kept[0]) >= KEPT:
            self._size -= len(self._kept.popleft())
        if self.viewers:
            frame = json.dumps({"t": "out", "number": number, "text": text})
            for viewer in self.viewers:
                viewer.show(frame)

    def scrollback(self) -> str:
        """What is kept, from the beginning of a line on when its beginning is lost."""
        text = "".join(self._kept)
        if len(text) <= KEPT:
            return text
        text = text[-KEPT:]
        return text[text.find("\n") + 1 :]

    def pace(self) -> int | None:
        """How far the person at the wheel has been shown it; None when they look nowhere."""
        return max((viewer.taken for viewer in self.viewers if viewer.person == self.by), default=None)

    def tell(self, **message: Any) -> None:
        """A frame for all viewers."""
        frame = json.dumps(message)
        for viewer in self.viewers:
            viewer.show(frame)

    def note_change(self) -> None:
        """Wakes whoever waits for something here."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()
