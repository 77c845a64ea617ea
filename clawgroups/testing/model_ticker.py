"""Says the words of all streams of a model server on time, with one timer for all of them."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Iterable, Iterator

TICK_S = 0.005
FULL = 256 * 1024  # bytes; a reader that is so far behind gets nothing new until it has read
LATE_S = 1.0  # a server that is further behind than this does not try to catch up


class Play:
    """One stream's words under way."""

    __slots__ = ("done", "frames", "sent", "step", "transport")

    def __init__(self, transport: asyncio.WriteTransport, frames: Iterator[bytes], step: float) -> None:
        self.transport = transport
        self.frames = frames
        self.step = step
        self.sent = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Ticker:
    """One timer; a heap of who is due."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Play]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self.words = 0

    async def play(self, transport: asyncio.WriteTransport, frames: Iterable[bytes], rate: float) -> int:
        """Writes the frames at ``rate`` a second; returns how many. Cancelling it stops them."""
        play = Play(transport, iter(frames), 1 / rate)
        heapq.heappush(self._due, (asyncio.get_running_loop().time() + play.step, next(self._numbers), play))
        if self._timer is None:
            self._wind()
        try:
            await play.done
        finally:
            play.done.cancel()
        return play.sent

    def close(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wind(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        now = asyncio.get_running_loop().time()
        due = self._due
        while due and due[0][0] <= now:
            at, number, play = due[0]
            if play.done.done() or not self._say(play):
                heapq.heappop(due)
            else:
                heapq.heapreplace(due, (max(at, now - LATE_S) + play.step, number, play))
        self._timer = None
        if due:
            self._wind()

    def _say(self, play: Play) -> bool:
        if play.transport.is_closing():
            return False  # whoever waits is cancelled by the connection's end
        if play.transport.get_write_buffer_size() > FULL:
            return True
        frame = next(play.frames, None)
        if frame is None:
            play.done.set_result(None)
            return False
        play.transport.write(frame)
        play.sent += 1
        self.words += 1
        return True
