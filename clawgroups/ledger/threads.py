"""Finds the pages of a sub-agent's thread. A fork's thread begins with its origin's, which is not copied.

All sub-agents of a group share one numbering of events, so a thread is a chain of stretches whose numbers only rise,
and a page is found by number wherever in the chain it lies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Executable, Row, Select, func, select

from clawgroups.errors import NotFound
from clawgroups.group import events as ev
from clawgroups.group.state import Agent
from clawgroups.group.thread import Entry
from clawgroups.ledger import tables as t
from clawgroups.ledger.transcript import KINDS, LATE, entries_of

END = 2**62  # later than any event
Ask = Callable[[Executable], Awaitable[Sequence[Row[Any]]]]
_agent = msgspec.json.Decoder(Agent)


class Stretch(NamedTuple):
    """The part of a sub-agent's events that belongs to a thread: those before number ``end``."""

    agent: str
    end: int


class Threads:
    """Asks with the queries of one reader."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def page(self, agent_id: str, after: int, before: int, limit: int, *, late: bool) -> list[Entry]:
        """At least ``limit`` entries while there are as many: an event's entries stay together.

        The first ones after event ``after``, or with ``before`` the last ones before it; oldest first either way.
        """
        kinds = KINDS if late else tuple(kind for kind in KINDS if kind != LATE)
        chain = await self.chain(agent_id)
        found: list[list[Entry]] = []
        for stretch in reversed(chain) if before else chain:
            end = min(stretch.end, before or END)
            await self._collect(found, Stretch(stretch.agent, end), after, kinds, limit, backwards=bool(before))
            if sum(map(len, found)) >= limit:
                break
        if before:
            found.reverse()
        return [entry for entries in found for entry in entries]

    async def _collect(
        self, found: list[list[Entry]], at: Stretch, after: int, kinds: tuple[str, ...], limit: int, *, backwards: bool
    ) -> None:
        """Adds the entries of each event until there are enough; some events make none, so it may ask again."""
        low, high = after, at.end
        while (wanted := limit - sum(map(len, found))) > 0:
            rows = await self._ask(_events(at.agent, low, high, kinds, wanted, backwards=backwards))
            found += [entries_of(row.seq, row.at, ev.decode(row.kind, row.body)) for row in rows]
            if len(rows) < wanted:
                return
            low, high = (low, rows[-1].seq) if backwards else (rows[-1].seq, high)

    async def chain(self, agent_id: str, step: int | None = None) -> list[Stretch]:
        """The stretches of its thread, the oldest first; with ``step`` as it was at the end of that step."""
        agent = await self.agent(agent_id)
        chain: list[Stretch] = []
        end = END
        while True:
            if step is None:
                chain.append(Stretch(agent.id, end))
            elif step >= agent.forked_step:  # else it was forked from a step that its origin made
                chain.append(Stretch(agent.id, min(end, await self._begin_of(agent.id, step + 1))))
            if not agent.forked_from:
                return chain[::-1]
            end = min(end, await self._first(agent.id))
            step = agent.forked_step if step is None else min(step, agent.forked_step)
            agent = await self.agent(agent.forked_from)

    async def agent(self, agent_id: str) -> Agent:
        """Its summary as mirrored. Raises NotFound."""
        rows = await self._ask(select(t.agents.c.state).where(t.agents.c.id == agent_id))
        if not rows:
            raise NotFound(f"There is no sub-agent {agent_id}.")
        return _agent.decode(rows[0].state)

    async def _begin_of(self, agent_id: str, step: int) -> int:
        steps = t.steps.c
        rows = await self._ask(select(steps.seq).where(steps.agent_id == agent_id, steps.step == step))
        return int(rows[0].seq) if rows else END

    async def _first(self, agent_id: str) -> int:
        rows = await self._ask(select(func.min(t.events.c.seq).label("seq")).where(t.events.c.agent_id == agent_id))
        return int(rows[0].seq) if rows and rows[0].seq is not None else END


def _events(agent: str, low: int, high: int, kinds: tuple[str, ...], limit: int, *, backwards: bool) -> Select[Any]:
    column = t.events.c
    query = select(column.seq, column.at, column.kind, column.body)
    query = query.where(column.agent_id == agent, column.seq > low, column.seq < high, column.kind.in_(kinds))
    return query.order_by(column.seq.desc() if backwards else column.seq).limit(limit)
