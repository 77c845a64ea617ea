"""Launches queued sub-agents: a few at once, then steadily, as far as limits and capacities allow."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator

from clawgroups.errors import ClawError, LedgerError
from clawgroups.group.draft import Decision
from clawgroups.group.state import Agent, AgentStatus, Group, GroupStatus, WaitReason
from clawgroups.ids import group_of, now_ms

log = logging.getLogger("clawgroups.launcher")
TICK_S = 0.1
AGAIN_S = (1.0, 2.0, 4.0, 8.0)  # after a launch that came to nothing


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
    """Looks for launchable sub-agents at each tick. Groups take turns, so that a large one starves no other."""

    def __init__(
        self,
        groups: Callable[[], list[Group]],
        launch: Callable[[str], asyncio.Future[Decision]],
        ready: Callable[[], bool],
        ramp: Ramp,
        up: Callable[[str], bool] = lambda member: True,
    ) -> None:
        """``up``: whether the place of this member is ready; its sub-agents stay queued until it is."""
        self._groups = groups
        self._launch = launch
        self._ready = ready
        self._ramp = ramp
        self._up = up
        self._asked: dict[str, asyncio.Future[Decision]] = {}
        self._refused: dict[str, tuple[int, float]] = {}  # sub-agent -> how often, not before (monotonic)
        self._last = ""  # the group that was served last

    async def run(self) -> None:
        """Launches for ever."""
        while True:
            if self._ready():
                self._launch_some()
            await asyncio.sleep(TICK_S)

    def _launch_some(self) -> None:
        """One of each group in turn, until nobody is left or the ramp allows no more."""
        groups = sorted((g for g in self._groups() if g.status is GroupStatus.RUNNING), key=lambda g: g.id)
        first = next((i for i, group in enumerate(groups) if group.id > self._last), 0)
        lines = deque(self._launchable(group) for group in groups[first:] + groups[:first])
        while lines:
            agent = next(lines[0], None)
            if agent is None:
                lines.popleft()
                continue
            if not self._ramp.take():
                return
            lines.rotate(-1)
            self._last = group_of(agent.id)
            self._ask(agent)

    def _launchable(self, group: Group) -> Iterator[Agent]:
        room = group.limits.max_live - group.live - sum(group_of(agent) == group.id for agent in self._asked)
        loads = _loads(group)
        for agent in group.agents.values():
            if room <= 0:
                return
            if self._may_launch(group, agent, loads):
                loads[agent.member] = loads.get(agent.member, 0) + 1
                room -= 1
                yield agent

    def _may_launch(self, group: Group, agent: Agent, loads: dict[str, int]) -> bool:
        if agent.status is not AgentStatus.QUEUED or agent.id in self._asked or now_ms() < agent.not_before:
            return False
        if time.monotonic() < self._refused.get(agent.id, (0, 0.0))[1]:
            return False
        if any(not group.agents[needed].ended for needed in agent.depends_on):
            return False
        if not self._up(agent.member):
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
        if error is None and not done.cancelled() and done.result().events:
            self._refused.pop(agent, None)
            return
        times = self._refused.get(agent, (0, 0.0))[0]
        self._refused[agent] = times + 1, time.monotonic() + AGAIN_S[min(times, len(AGAIN_S) - 1)]
        if error is not None and not isinstance(error, LedgerError) and not times:
            level = logging.INFO if isinstance(error, ClawError) else logging.ERROR
            log.log(level, "not launched: %s", error, extra={"action": "not_launched", "agent": agent})


def _loads(group: Group) -> dict[str, int]:
    loads: dict[str, int] = {}
    for agent in group.agents.values():
        if agent.driver is not None and agent.wait is not WaitReason.CHILDREN:
            loads[agent.driver.member] = loads.get(agent.driver.member, 0) + 1
    return loads
