"""What the person at the wheel writes and has not sent yet, on its way to those who watch. Nothing here is stored.

Only whoever holds the wheel may tell it. It ends when it is sent, when the wheel changes, and with their connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from clawgroups.group.state import Group
from clawgroups.ids import group_of

EVERY_S = 0.25  # a writer's words are passed on so often at most
MOST_CHARS = 8_000  # of each part: the end of it, where somebody is writing
PARTS = ("turn", "tool", "arguments", "note")
Fence = Callable[[str, str, int], None]


class Words(NamedTuple):
    """One writer's words as they were passed on last. ``number`` rises with every change of them."""

    number: int
    epoch: int
    by: str
    name: str
    parts: dict[str, str]

    def frame(self, agent: str) -> dict[str, Any]:
        """For the feed."""
        return {"t": "unsent", "agent": agent, "epoch": self.epoch, "by": self.by, "name": self.name, **self.parts}


NOTHING = Words(0, 0, "", "", dict.fromkeys(PARTS, ""))


class Unsent:
    """``fence(agent, person, epoch)`` raises ClawError for anybody but the person who holds the wheel at that epoch."""

    def __init__(self, fence: Fence, clock: Callable[[], float] = time.monotonic) -> None:
        self._fence = fence
        self._clock = clock
        self._waiting: dict[str, tuple[int, tuple[str, str], object, dict[str, str]]] = {}
        self._shown: dict[str, Words] = {}
        self._writers: dict[str, object] = {}
        self._at: dict[str, float] = {}
        self._number = 0

    def write(self, writer: object, person: tuple[str, str], agent: str, epoch: int, parts: Mapping[str, str]) -> None:
        """All that is unsent now, in place of what was. ``writer``: their connection. Raises Forbidden, StaleEpoch."""
        self._fence(agent, person[0], epoch)
        kept = {part: parts.get(part, "")[-MOST_CHARS:] for part in PARTS}
        self._waiting[agent] = (epoch, person, writer, kept)

    def words(self, agent: str) -> Words:
        """What those who watch may see now: the newest words, but not more often than every EVERY_S."""
        waiting = self._waiting.get(agent)
        now = self._clock()
        if waiting is None or now - self._at.get(agent, float("-inf")) < EVERY_S:
            return self._shown.get(agent, NOTHING)
        del self._waiting[agent]
        epoch, (person, name), writer, parts = waiting
        if not any(parts[part] for part in ("turn", "arguments", "note")):
            self._drop(agent)
            self._at[agent] = now
            return NOTHING
        self._number += 1
        self._at[agent], self._writers[agent] = now, writer
        self._shown[agent] = Words(self._number, epoch, person, name, parts)
        return self._shown[agent]

    def committed(self, group: Group) -> None:
        """The ledger has something new of this group: words of an older turn at the wheel are over."""
        for agent in [one for one in self._at.keys() | self._waiting.keys() if group_of(one) == group.id]:
            found = group.agents.get(agent)
            alive = found is not None and found.driver is not None and not found.ended
            self._end(agent, found.epoch if found and alive else -1)

    def _end(self, agent: str, epoch: int) -> None:
        waiting, shown = self._waiting.get(agent), self._shown.get(agent)
        if not (waiting or shown) or (waiting and waiting[0] != epoch) or (shown and shown.epoch != epoch):
            self._drop(agent)

    def leave(self, writer: object) -> None:
        """A connection has gone, and what was written over it with it."""
        agents = {agent for agent, one in self._waiting.items() if one[2] is writer}
        for agent in agents | {agent for agent, one in self._writers.items() if one is writer}:
            self._drop(agent)

    def _drop(self, agent: str) -> None:
        for kept in (self._waiting, self._shown, self._writers, self._at):
            kept.pop(agent, None)
