"""The watch: acts by itself only on proof. Leases that ran out, and stops that were not proved in time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from clawgroups.group.state import Group
from clawgroups.ids import now_ms

log = logging.getLogger("clawgroups.watch")
TICK_S = 0.5


class Watch:
    """Looks at every open group twice a second."""

    def __init__(
        self,
        groups: Callable[[], list[Group]],
        lapse: Callable[[str], object],
        kill_runner_of: Callable[[str], None],
        stop_timeout_s: float,
    ) -> None:
        self._groups = groups
        self._lapse = lapse
        self._kill = kill_runner_of
        self._timeout = stop_timeout_s
        self._stopping: dict[str, tuple[int, float]] = {}

    async def run(self) -> None:
        """Watches for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            self._look()

    def _look(self) -> None:
        now, clock = now_ms(), time.monotonic()
        unproved: set[str] = set()
        for group in self._groups():
            for agent in group.agents.values():
                driver = agent.driver
                if driver and driver.lease_until and agent.driven_by_person and now >= driver.lease_until:
                    self._lapse(agent.id)
                if agent.seat and agent.seat != agent.epoch:
                    unproved.add(agent.id)
                    seat, since = self._stopping.setdefault(agent.id, (agent.seat, clock))
                    if seat != agent.seat:
                        self._stopping[agent.id] = (agent.seat, clock)
                    elif clock - since > self._timeout:
                        self._give_up_on(agent.id)
        for gone in set(self._stopping) - unproved:
            del self._stopping[gone]

    def _give_up_on(self, agent: str) -> None:
        log.warning("no proof of a stop in time", extra={"action": "stop_unproved", "agent": agent})
        self._stopping.pop(agent, None)
        self._kill(agent)
