"""What the record knows of tasks that are done: steps, tokens and time of each.

Always of the newest groups only, so that it costs the same however long a house has been in use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, func, select

from clawgroups.ledger import tables as t
from clawgroups.ledger.mirror import HOUSE
from clawgroups.ledger.reader import Reader

MOST_GROUPS, MOST_TASKS = 60, 200


class _GroupFacts(Struct):
    template: str = ""
    conductor: str = ""


class _AgentFacts(Struct):
    since: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0


_group = msgspec.json.Decoder(_GroupFacts)
_agent = msgspec.json.Decoder(_AgentFacts)


class PastGroup(NamedTuple):
    """``agents``: how many sub-agents it had beside the conductor."""

    id: str
    template: str
    conductor: str
    agents: int


class PastTask(NamedTuple):
    """A task that is done. ``ms``: from the moment somebody was first given its wheel to its end."""

    group: str
    member: str
    steps: int
    tokens_in: int
    tokens_out: int
    cached: int
    ms: int


class Track:
    """Asks with the queries of one reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def groups(self) -> list[PastGroup]:
        """The newest that were started."""
        column = t.groups.c
        recent = select(column.id, column.state).where(column.id != HOUSE, column.started_at > 0)
        rows = await self._reader.rows(recent.order_by(column.created_at.desc(), column.id.desc()).limit(MOST_GROUPS))
        counts = await self._counts([row.id for row in rows])
        found = []
        for row in rows:
            facts = _group.decode(row.state)
            found.append(PastGroup(row.id, facts.template, facts.conductor, max(0, counts[row.id] - 1)))
        return found

    async def _counts(self, groups: Sequence[str]) -> Counter[str]:
        column = t.agents.c
        query = select(column.group_id, func.count().label("count")).where(column.group_id.in_(groups))
        rows = await self._reader.rows(query.group_by(column.group_id))
        return Counter({row.group_id: row.count for row in rows})

    async def tasks(self, groups: Sequence[str], *, member: str = "", conducting: bool = False) -> list[PastTask]:
        """The newest that are done in these groups, of one member where one is named."""
        column = t.agents.c
        events = t.events.c
        begun = (
            select(events.at)
            .where(events.agent_id == column.id, events.kind == "driver_granted")
            .order_by(events.seq)
            .limit(1)
            .correlate(t.agents)
            .scalar_subquery()
            .label("begun")
        )
        fits: list[ColumnElement[bool]] = [column.group_id.in_(groups), column.status == "done"]
        fits.append(column.parent == "" if conducting else column.parent != "")
        if member:
            fits.append(column.member == member)
        query = select(column.group_id, column.member, column.step, column.state, begun).where(*fits)
        rows = await self._reader.rows(query.order_by(column.created_at.desc(), column.id).limit(MOST_TASKS))
        return [_task(row.group_id, row.member, row.step, row.state, row.begun) for row in rows]

    async def any_group(self, *, started: bool = False) -> bool:
        """Whether there ever was a group, or one that was started."""
        column = t.groups.c
        query = select(column.id).where(column.id != HOUSE)
        if started:
            query = query.where(column.started_at > 0)
        return bool(await self._reader.rows(query.limit(1)))

    async def any_take_over(self) -> bool:
        """Whether a person ever took a wheel, by the facts of the search: they are a moment behind the record."""
        column = t.search_facts.c
        return bool(await self._reader.rows(select(column.value).where(column.kind == "took_over").limit(1)))


def _task(group: str, member: str, steps: int, state: str, begun: int | None) -> PastTask:
    facts = _agent.decode(state)
    ms = max(0, facts.since - begun) if begun else 0
    return PastTask(group, member, steps, facts.tokens_in, facts.tokens_out, facts.cached, ms)
