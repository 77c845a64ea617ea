"""What every member is busy with now: seats, tasks that wait for it, tokens a second, and its last error.

Made once for all viewers, and only when somebody looks and something has changed.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from clawgroups.dispatcher.live import COUNTED_S
from clawgroups.dispatcher.views import HOUSE
from clawgroups.group import events as ev
from clawgroups.group.draft import Decision
from clawgroups.group.state import AgentStatus, WaitReason

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

FRESH_S = 1.0
WORDS = 400


class LastError(Struct, frozen=True):
    """A turn that a member could not take, and when."""

    sentence: str
    hint: str
    at: int
    agent: str


class Loads:
    """One per dispatcher."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._errors: dict[str, LastError] = {}
        self._made: dict[str, dict[str, Any]] | None = None  # None: something has changed since
        self._rates: dict[str, float] = {}  # by sub-agent
        self._measured_at = -COUNTED_S

    def hear(self, decision: Decision) -> None:
        """What was committed: failures are kept by the member whose they are, the last one of each."""
        self._made = None
        for recorded in decision.events:
            event = recorded.event
            if isinstance(event, ev.DriverFailed) and event.by:
                words, hint = event.sentence[:WORDS], event.hint[:WORDS]
                self._errors[event.by] = LastError(words, hint, recorded.at, event.agent)

    def forget(self, member_id: str) -> None:
        """It is no member any more."""
        self._errors.pop(member_id, None)
        self._made = None

    def of(self, member_id: str) -> dict[str, Any]:
        """Of one member."""
        return self.read().get(member_id) or self._view(member_id, 0, 0, 0, 0.0)

    def read(self) -> dict[str, dict[str, Any]]:
        """Of every member that has something to do, or had an error."""
        self._measure()
        if self._made is None:
            self._made = self._make()
        return self._made

    def _measure(self) -> None:
        """Tokens a second since somebody last looked, at most so often."""
        now = time.monotonic()
        passed = now - self._measured_at
        if passed >= FRESH_S:
            spoken = self._dispatcher.live.spoken()
            self._rates = {agent: count / passed for agent, count in spoken.items()} if passed < COUNTED_S else {}
            self._measured_at = now
            self._made = None

    def _make(self) -> dict[str, dict[str, Any]]:
        load, seats, queued, rates = Counter[str](), Counter[str](), Counter[str](), defaultdict[str, float](float)
        for group in self._dispatcher.open_groups():
            if group.ended_at or group.id == HOUSE:
                continue
            for agent in group.agents.values():
                if agent.driver is not None:
                    load[agent.driver.member] += 1
                    seats[agent.driver.member] += agent.wait is not WaitReason.CHILDREN  # those take no seat
                    rates[agent.driver.member] += self._rates.get(agent.id, 0.0)
                elif agent.status is AgentStatus.QUEUED:
                    queued[agent.member] += 1
        known = load.keys() | queued.keys() | self._errors.keys()
        return {m: self._view(m, load[m], seats[m], queued[m], rates[m]) for m in known}

    def _view(self, member_id: str, load: int, seats: int, queued: int, rate: float) -> dict[str, Any]:
        error = self._errors.get(member_id)
        return {
            "load": load,
            "seats": seats,
            "queued": queued,
            "tokens_s": round(rate, 1),
            "error": msgspec.to_builtins(error) if error else None,
        }
