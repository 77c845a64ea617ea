"""Launches queued sub-agents: a few at once, then steadily, as far as limits and capacities allow."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from clawgroups.errors import ClawError, LedgerError
from clawgroups.group.draft import Decision
from clawgroups.group.state import Agent, AgentStatus, Group, GroupStatus
from clawgroups.ids import now_ms

log = logging.getLogger("clawgroups.launcher")
TICK_S = 0.1


class Ramp:
    """A bucket of launches: ``burst`` at once, then ``per_s`` a second."""

    def __init__(self, burst: int, per_s: float) -> None:
        self._burst = float(burst)
        self._per_s = per_s
        self._have = float(burst)
        self._at = time.monotonic()

    def take(self) -> bool:
        """Whether one more may be launched now."""
        now = time.monotonic()
        self._have = min(self._burst, self._have + (now - self._at) * self._per_s)
        self._at = now
        if self._have < 1:
            return False
        self._have -= 1
        return True


class Launcher:
    """Looks for launchable sub-agents whenever something changed, and at each tick for the ramp."""

    def __init__(
        self,
        groups: Callable[[], list[Group]],
        launch: Callable[[str], asyncio.Future[Decision]],
        ready: Callable[[], bool],
        ramp: Ramp,
    ) -> None:
        self._groups = groups
        self._launch = launch
        self._ready = ready
        self._ramp = ramp
        self._asked: dict[str, asyncio.Future[Decision]] = {}

    async def run(self) -> None:
        """Launches for ever."""
        while True:
            if self._ready():
                for group in self._groups():
                    if group.status is GroupStatus.RUNNING:
                        self._launch_some(group)
            await asyncio.sleep(TICK_S)

    def _launch_some(self, group: Group) -> None:
        room = group.limits.max_live - group.live - len(self._asked)
        loads = _loads(group)
        for agent in group.agents.values():
            if room <= 0:
                return
            if not self._may_launch(group, agent, loads):
                continue
            if not self._ramp.take():
                return
            loads[agent.member] = loads.get(agent.member, 0) + 1
            room -= 1
            self._ask(agent)

    def _may_launch(self, group: Group, agent: Agent, loads: dict[str, int]) -> bool:
        if agent.status is not AgentStatus.QUEUED or agent.id in self._asked or now_ms() < agent.not_before:
            return False
        if any(not group.agents[needed].ended for needed in agent.depends_on):
            return False
        member = group.members.get(agent.member)
        return member is None or not member.capacity or loads.get(member.id, 0) < member.capacity

    def _ask(self, agent: Agent) -> None:
        asked = self._launch(agent.id)
        self._asked[agent.id] = asked
        asked.add_done_callback(lambda done: self._answered(agent.id, done))

    def _answered(self, agent: str, done: asyncio.Future[Decision]) -> None:
        self._asked.pop(agent, None)
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, LedgerError):
            level = logging.INFO if isinstance(error, ClawError) else logging.ERROR
            log.log(level, "not launched: %s", error, extra={"action": "not_launched", "agent": agent})


def _loads(group: Group) -> dict[str, int]:
    loads: dict[str, int] = {}
    for agent in group.agents.values():
        if agent.driver is not None:
            loads[agent.driver.member] = loads.get(agent.driver.member, 0) + 1
    return loads
