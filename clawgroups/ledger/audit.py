"""Audits a group's ledger: the promises that can be read off it, and every mirror against a replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Row, Table, select

from clawgroups.group import events as ev
from clawgroups.group.evolve import evolve
from clawgroups.group.members import Member
from clawgroups.group.state import Agent, Group
from clawgroups.ledger import tables as t
from clawgroups.ledger.mirror import HOUSE
from clawgroups.ledger.replica import BY_AGENT, WHOLE, Replica, compare
from clawgroups.ledger.words import key

if TYPE_CHECKING:
    from clawgroups.ledger.reader import Reader

PAGE = 1_000
PENDING = 500  # steps of one sub-agent that wait to be compared
_PLACE = {"steps": "step", "tool_calls": "step", "snapshots": "seq"}
_LAST = {"steps": 2**31 - 1, "tool_calls": 2**31 - 1, "snapshots": 2**62}  # what their columns can hold


async def audit(reader: Reader, group_id: str) -> list[str]:
    """Sentences about what is wrong; empty when the record is whole. ``reader`` must stand still (``frozen``).

    Raises NotFound for an unknown group.
    """
    await reader.seq(group_id)
    return await _Audit(reader, group_id).run()


class _Audit:
    def __init__(self, reader: Reader, group_id: str) -> None:
        self._reader = reader
        self._replayed = Group(id=group_id)
        self._replica = Replica()
        self._compared: dict[tuple[str, str], int] = {}  # rows before this place have been looked at
        self._problems: list[str] = []

    async def run(self) -> list[str]:
        if not await self._replay():
            return self._problems
        for agent in self._replayed.agents.values():
            if agent.ended and not agent.seat and agent.calls:
                names = ", ".join(call.id for call in agent.calls)
                self._problems.append(f"{agent.id} has ended and left calls open: {names}")
            await self._compare_agent(agent.id, whole=True)
        for table in WHOLE:
            await self._compare_table(table)
        if self._replayed.id == HOUSE:
            await self._compare_members()
        await self._compare_summaries()
        return self._problems

    async def _replay(self) -> bool:
        after = 0
        while page := await self._reader.event_rows(self._replayed.id, after, PAGE):
            for row in page:
                if row.seq != after + 1:
                    self._problems.append(f"event {after + 1} is missing (the next is {row.seq})")
                after = row.seq
                try:
                    self._take(_recorded(row))
                except Exception as error:  # whatever a damaged body leads to is a finding, told below
                    self._problems.append(f"event {row.seq} ({row.kind}) cannot be applied: {error!r}")
                    return False
            for agent_id in list(self._replica.of_agent):
                await self._compare_agent(agent_id)
        return True

    def _take(self, recorded: ev.Recorded) -> None:
        before, event = self._replayed, recorded.event
        self._replayed = evolve(before, recorded)
        if isinstance(event, ev.AgentEvent):
            self._problems += _check_agent(recorded, event, before, self._replayed)
        self._replica.apply(self._replayed, recorded)

    async def _compare_agent(self, agent_id: str, *, whole: bool = False) -> None:
        steps = self._replica.of(agent_id, t.steps)
        if not whole and len(steps) < PENDING:
            return
        last = max((place for _, place in steps), default=0)
        for table in BY_AGENT:  # the last step's calls may still change
            end = _LAST[table.name] if whole else self._replayed.seq + 1 if table is t.snapshots else last
            await self._compare_part(agent_id, table, end)

    async def _compare_part(self, agent_id: str, table: Table, end: int) -> None:
        place = table.c[_PLACE[table.name]]
        begin = self._compared.get((agent_id, table.name), 0)
        query = select(table).where(table.c.agent_id == agent_id, place >= begin, place < end)
        found = [row._asdict() for row in await self._reader.rows(query)]
        self._problems += compare(table, self._replica.hand_out(agent_id, table, end), found)
        self._compared[agent_id, table.name] = end

    async def _compare_table(self, table: Table) -> None:
        query = select(table).where((table.c.id if table is t.groups else _group_of(table)) == self._replayed.id)
        if table is t.agent_tasks:
            query = query.join_from(t.agent_tasks, t.agents, t.agents.c.id == t.agent_tasks.c.agent_id)
        found = [row._asdict() for row in await self._reader.rows(query)]
        self._problems += compare(table, self._replica.whole[table.name], found)

    async def _compare_members(self) -> None:
        rows = await self._reader.rows(select(t.members).where(t.members.c.removed_at == 0))
        found = {row.id: msgspec.json.decode(row.body, type=Member) for row in rows}
        wanted = {key(member.id): member for member in self._replayed.members.values()}
        self._problems += [f"members: {name}" for name in _differing(found, wanted)]

    async def _compare_summaries(self) -> None:
        mirrored, replayed = await self._reader.load_group(self._replayed.id), self._replayed
        for kind, found, wanted in (
            ("sub-agent", mirrored.agents, replayed.agents),
            ("open request", mirrored.requests, replayed.requests),
        ):
            self._problems += [f"the summary of {kind} {what}" for what in _differing(found, wanted)]
        same = {name: getattr(mirrored, name) for name in ("agents", "requests")}
        self._problems += [
            f"the summary of the group {what}" for what in _fields(mirrored, msgspec.structs.replace(replayed, **same))
        ]


def _recorded(row: Row[Any]) -> ev.Recorded:
    event = ev.decode(row.kind, row.body)
    return ev.Recorded(row.seq, row.at, row.actor, row.agent_id, row.epoch, row.kind, event)


def _group_of(table: Table) -> Any:
    return t.agents.c.group_id if table is t.agent_tasks else table.c.group_id


def _check_agent(recorded: ev.Recorded, event: ev.AgentEvent, before: Group, after: Group) -> Iterator[str]:
    place = f"event {recorded.seq} ({recorded.kind})"
    if recorded.agent != event.agent:
        yield f"{place} is filed under {recorded.agent or 'nobody'} but is {event.agent}'s"
    epoch = after.agents[event.agent].epoch
    if recorded.epoch != epoch:
        yield f"{place} carries epoch {recorded.epoch}, but {event.agent}'s wheel is at {epoch}"
    agent = before.agents.get(event.agent)
    if agent is None:
        return
    if epoch < agent.epoch:
        yield f"the epoch of {agent.id} falls from {agent.epoch} to {epoch} at event {recorded.seq}"
    if isinstance(event, ev.StepCommitted):
        yield from _check_step(recorded.seq, event, agent)
    elif isinstance(event, ev.CallClosed) and agent.call(event.call) is None:
        yield f"call {event.call} of {agent.id} is closed twice or was never made (event {recorded.seq})"


def _check_step(seq: int, event: ev.StepCommitted, agent: Agent) -> Iterator[str]:
    if event.step != agent.step + 1:
        yield f"step {event.step} of {agent.id} follows step {agent.step} (event {seq})"
    if event.epoch != agent.epoch:
        yield f"step {event.step} of {agent.id} was written at epoch {event.epoch}, the wheel was at {agent.epoch}"
    if agent.calls:
        names = ", ".join(call.id for call in agent.calls)
        yield f"step {event.step} of {agent.id} leaves calls open: {names}"


def _differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(found.keys() | wanted.keys()):
        if name not in found:
            yield f"{name} is missing"
        elif name not in wanted:
            yield f"{name} is not in the record"
        else:
            yield from (f"{name} {what}" for what in _fields(found[name], wanted[name]))


def _fields(found: Any, wanted: Any) -> Iterator[str]:
    for name in wanted.__struct_fields__:
        have, want = getattr(found, name), getattr(wanted, name)
        if have != want:
            yield f"has {name} {have!r}, the record says {want!r}"
