"""Makes the message that gives a seat to a sub-agent's driver: thread, tools, workspace, calls to run."""

from __future__ import annotations

from typing import Any

import msgspec

from clawgroups.dispatcher.desk import Desk
from clawgroups.dispatcher.members.keys import Keys
from clawgroups.errors import ClawError
from clawgroups.group.group_tools import GROUP_TOOLS, described
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Agent, AgentStatus, Call, CallStatus, Group
from clawgroups.group.thread import Entry
from clawgroups.group.tools import Policy
from clawgroups.ledger.reader import Reader
from clawgroups.link import messages as ms
from clawgroups.settings import Settings

PAGE = 5_000  # entries of a thread read at once


class Drives:
    """Reads what a seat needs. Knows nothing of connections."""

    def __init__(self, settings: Settings, desk: Desk, reader: Reader, keys: Keys) -> None:
        self._settings = settings
        self._desk = desk
        self._reader = reader
        self._keys = keys

    async def make(self, group: Group, agent_id: str) -> ms.DriveSeat | None:
        """The drive as of ``group``, the state at its commit; None when the wheel has moved on since.

        Raises ClawError when the member cannot drive (its key is gone).
        """
        agent = group.agents[agent_id]
        present = self._desk.groups.get(group.id, group).agents[agent_id]
        if agent.driver is None or not (agent.seat == agent.epoch == present.epoch == present.seat):
            return None
        thread = await self._thread(agent_id, group.seq)
        present_group = self._desk.groups.get(group.id, group)  # the key of a former setting may be gone by now
        member = present_group.members.get(agent.driver.member) or group.members[agent.driver.member]
        return ms.DriveSeat(
            agent=agent_id,
            epoch=agent.epoch,
            name=agent.name,
            role=agent.role,
            task=next((entry.content for entry in thread if entry.kind == "task"), agent.title),
            member=member,
            thread=thread,
            tools=described(group.policies) if agent.conducts else (),
            place=await self.place(group, agent),
            step=agent.step,
            proceed=_may_proceed(agent),
            release=tuple(_release(agent, call, thread) for call in agent.calls if call.status is CallStatus.RELEASED),
            secret=self._secret(member),
        )

    async def _thread(self, agent_id: str, seq: int) -> tuple[Entry, ...]:
        """The whole thread as of event ``seq``, however long."""
        entries: list[Entry] = []
        page = await self._reader.transcript(agent_id, limit=PAGE, for_driver=True)
        while page:
            entries += page
            full = len(page) >= PAGE and page[-1].seq < seq
            page = await self._next(agent_id, page[-1].seq) if full else []
        return tuple(entry for entry in entries if entry.seq <= seq)

    async def _next(self, agent_id: str, after: int) -> list[Entry]:
        return await self._reader.transcript(agent_id, after=after, limit=PAGE, for_driver=True)

    def _secret(self, member: Member) -> str:
        if member.kind is not MemberKind.MODEL or member.model is None:
            return ""
        return self._keys.read(member.model.key_ref)

    async def place(self, group: Group, agent: Agent) -> ms.WorkPlace:
        """Where the sub-agent works: the conductor in the group's own folder, others each in their own."""
        home = self._settings.work / group.id
        root = home / "workspace" if agent.id == group.root else home / "agents" / agent.id
        restore = ""
        if agent.forked_from:
            restore = await self._reader.last_snapshot(agent.forked_from, step=agent.forked_step)
        return ms.WorkPlace(
            root=str(root),
            snapshots=str(home / "snapshots.git"),
            source=group.folder if group.folder_mode == "read" else "",
            repository=group.folder if group.folder_mode == "worktree" else "",
            restore=restore,
        )

    def catalogue(self, tools: dict[str, Any], group: Group) -> list[Any]:
        """The runner's tools under this group's policies."""
        return [
            msgspec.structs.replace(spec, policy=group.policies.get(name, spec.policy))
            for name, spec in tools.items()
            if group.policies.get(name, spec.policy) is not Policy.DENY and name not in GROUP_TOOLS
        ]


def _may_proceed(agent: Agent) -> bool:
    return agent.status is AgentStatus.DRIVING and not agent.calls and not agent.hold and not agent.driven_by_person


def _release(agent: Agent, call: Call, thread: tuple[Entry, ...]) -> ms.ReleaseCall:
    """A released call again, after its runner was lost; only safe ones ever get here (see the rules)."""
    arguments = call.arguments
    if not arguments:
        made = [c for entry in thread for c in entry.calls if c.id == call.id]
        if not made:
            raise ClawError(f"Call {call.id} of {agent.id} is not in its thread.")
        arguments = made[-1].arguments
    return ms.ReleaseCall(agent=agent.id, epoch=agent.epoch, call=call.id, name=call.name, arguments=arguments)
