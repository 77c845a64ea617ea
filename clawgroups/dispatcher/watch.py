"""The watch: acts by itself only on proof. Leases that ran out, stops that were not proved, seats that nobody holds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from clawgroups.group.state import Agent, Group
from clawgroups.ids import now_ms

log = logging.getLogger("clawgroups.watch")
TICK_S = 0.5


class Watch:
    """Looks at every open group twice a second.

    ``force(agent, seat, tries)`` makes an end of a stop that is not proved in time; ``unseated(agent)`` tells whether
    a sub-agent that drives is on no runner although one is up; ``reseat(group, agent)`` gives it a seat.
    """

    def __init__(
        self,
        groups: Callable[[], list[Group]],
        *,
        lapse: Callable[[str], object],
        force: Callable[[str, int, int], None],
        unseated: Callable[[str], bool],
        reseat: Callable[[Group, str], None],
        stop_timeout_s: float,
    ) -> None:
        self._groups = groups
        self._lapse = lapse
        self._force = force
        self._unseated = unseated
        self._reseat = reseat
        self._timeout = stop_timeout_s
        self._stopping: dict[str, tuple[int, float, int]] = {}  # seat, since when, how often it was forced
        self._alone: dict[str, int] = {}  # sub-agent -> its epoch when it was seen without a runner

    async def run(self) -> None:
        """Watches for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            self._look()

    def _look(self) -> None:
        unproved: set[str] = set()
        alone: dict[str, int] = {}
        for group in self._groups():
            for agent in group.agents.values():
                driver = agent.driver
                if driver and driver.lease_until and agent.driven_by_person and now_ms() >= driver.lease_until:
                    self._lapse(agent.id)
                if agent.seat and agent.seat != agent.epoch:
                    unproved.add(agent.id)
                    self._look_at_stop(agent)
                elif agent.seat and self._unseated(agent.id):
                    alone[agent.id] = agent.epoch
                    if self._alone.get(agent.id) == agent.epoch:
                        log.warning("it had no runner", extra={"action": "reseated", "agent": agent.id})
                        self._reseat(group, agent.id)
        self._alone = alone
        for gone in set(self._stopping) - unproved:
            del self._stopping[gone]

    def _look_at_stop(self, agent: Agent) -> None:
        now = time.monotonic()
        seat, since, tries = self._stopping.get(agent.id, (0, now, 0))
        if seat != agent.seat:
            self._stopping[agent.id] = agent.seat, now, 0
        elif now - since > self._timeout:
            log.warning("no proof of a stop in time", extra={"action": "stop_unproved", "agent": agent.id})
            self._stopping[agent.id] = seat, now, tries + 1
            self._force(agent.id, seat, tries)
