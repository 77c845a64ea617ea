"""Reads the ledger on connections of its own; never waits for the writer and is paged everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Row, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from clawgroups.errors import NotFound
from clawgroups.group import events as ev
from clawgroups.group.state import Agent, Group, Request, RequestKind
from clawgroups.group.thread import Entry
from clawgroups.ids import group_of
from clawgroups.ledger import tables as t
from clawgroups.ledger.transcript import KINDS, entries_of

PAGE = 200
_group = msgspec.json.Decoder(Group)
_agent = msgspec.json.Decoder(Agent)


class Reader:
    """Queries named after what they are for."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def _all(self, query: Select[Any]) -> list[Row[Any]]:
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).all())

    # --- groups --------------------------------------------------------------------------------------

    async def unfinished(self) -> list[str]:
        """Groups that a restarted server must go on with, and the house."""
        seated = select(t.agents.c.group_id).where(t.agents.c.state.contains('"seat":'))
        query = select(t.groups.c.id).where((t.groups.c.ended_at == 0) | t.groups.c.id.in_(seated))
        return [row.id for row in await self._all(query)]

    async def group_ids(self, limit: int = 500) -> list[str]:
        """All groups, newest first."""
        query = select(t.groups.c.id).where(t.groups.c.id != "house").order_by(t.groups.c.created_at.desc())
        return [row.id for row in await self._all(query.limit(limit))]

    async def load_group(self, group_id: str) -> Group:
        """The present state from the mirrored tables, not from history. Raises NotFound."""
        found = await self._all(select(t.groups.c.state).where(t.groups.c.id == group_id))
        if not found:
            raise NotFound(f"There is no group {group_id}.")
        group = _group.decode(found[0].state)
        rows = await self._all(
            select(t.agents.c.state).where(t.agents.c.group_id == group_id).order_by(t.agents.c.number)
        )
        agents = [_agent.decode(row.state) for row in rows]
        open_requests = await self._all(
            select(t.requests)
            .where(t.requests.c.group_id == group_id, t.requests.c.state == "open")
            .order_by(t.requests.c.opened_at, t.requests.c.id)
        )
        return replace(
            group,
            agents={agent.id: agent for agent in agents},
            requests={row.id: _request_of(row) for row in open_requests},
        )

    # --- events --------------------------------------------------------------------------------------

    async def events(self, group_id: str, after: int = 0, limit: int = PAGE) -> list[ev.Recorded]:
        """A page of the append-only record, in order."""
        query = (
            select(t.events)
            .where(t.events.c.group_id == group_id, t.events.c.seq > after)
            .order_by(t.events.c.seq)
            .limit(limit)
        )
        return [_recorded(row) for row in await self._all(query)]

    async def all_events(self, group_id: str) -> AsyncIterator[ev.Recorded]:
        """The whole record, page by page."""
        after = 0
        while page := await self.events(group_id, after, 1_000):
            for recorded in page:
                yield recorded
            after = page[-1].seq

    # --- threads -------------------------------------------------------------------------------------

    async def transcript(
        self,
        agent_id: str,
        *,
        after: int = 0,
        before: int = 0,
        limit: int = PAGE,
        for_driver: bool = False,
    ) -> list[Entry]:
        """A page of a sub-agent's thread, oldest first; with ``before`` the page that ends there.

        A fork's thread begins with its origin's up to the step it was forked from. ``for_driver`` leaves out
        what only people see (late writes of old drivers).
        """
        own = await self._own_entries(agent_id, after, before, limit)
        origin = [] if after or before else await self._origin(agent_id)
        entries = origin + own
        if for_driver:
            return [entry for entry in entries if entry.kind != "late"]
        return entries

    async def _own_entries(self, agent_id: str, after: int, before: int, limit: int) -> list[Entry]:
        conditions = [t.events.c.agent_id == agent_id, t.events.c.seq > after, t.events.c.kind.in_(KINDS)]
        if before:
            conditions.append(t.events.c.seq < before)
        order = t.events.c.seq.desc() if before else t.events.c.seq
        rows = await self._all(select(t.events).where(and_(*conditions)).order_by(order).limit(limit))
        if before:
            rows.reverse()
        return [entry for row in rows for entry in entries_of(row.seq, row.at, ev.decode(row.kind, row.body))]

    async def _origin(self, agent_id: str) -> list[Entry]:
        agent = await self.agent_state(agent_id)
        if not agent.forked_from:
            return []
        thread = await self.transcript(agent.forked_from, limit=100_000, for_driver=True)
        kept: list[Entry] = []
        for entry in thread:
            if entry.role == "assistant" and entry.step > agent.forked_step:
                break
            kept.append(entry)
        return kept

    async def agent_state(self, agent_id: str) -> Agent:
        """A sub-agent's summary as mirrored. Raises NotFound."""
        rows = await self._all(select(t.agents.c.state).where(t.agents.c.id == agent_id))
        if not rows:
            raise NotFound(f"There is no sub-agent {agent_id}.")
        return _agent.decode(rows[0].state)

    async def agent_texts(self, agent_id: str) -> dict[str, str]:
        """Title, task, system prompt and acceptance criteria; a fork's are its origin's."""
        rows = await self._all(select(t.agent_tasks).where(t.agent_tasks.c.agent_id == agent_id))
        if not rows:
            raise NotFound(f"There is no sub-agent {agent_id}.")
        if not rows[0].task:
            agent = await self.agent_state(agent_id)
            if agent.forked_from:
                return await self.agent_texts(agent.forked_from)
        row = rows[0]
        return {
            "title": row.title,
            "task": row.task,
            "system_prompt": row.system_prompt,
            "acceptance": row.acceptance,
        }

    async def stop_proof(self, agent_id: str) -> dict[str, Any] | None:
        """The last proof that a driver of this sub-agent stands still."""
        rows = await self._all(
            select(t.events)
            .where(t.events.c.agent_id == agent_id, t.events.c.kind.in_(("driver_stopped", "seat_lost")))
            .order_by(t.events.c.seq.desc())
            .limit(1)
        )
        if not rows:
            return None
        event = ev.decode(rows[0].kind, rows[0].body)
        proof: dict[str, Any] = {"epoch": getattr(event, "epoch", 0), "at": rows[0].at}
        if isinstance(event, ev.DriverStopped):
            proof["proof"] = {
                "model_call": event.model_call,
                "processes_found": event.processes_found,
                "processes": event.processes_left,
                "detail": event.detail,
            }
        elif isinstance(event, ev.SeatLost):
            detail = f"The runner was gone: {event.reason}."
            proof["proof"] = {"model_call": "gone", "processes_found": 0, "processes": 0, "detail": detail}
        return proof

    async def last_snapshot(self, agent_id: str, step: int | None = None, before: int = 0) -> str:
        """The newest tree of its workspace, at most of ``step``, at most of event ``before``; empty when none."""
        conditions = [t.events.c.agent_id == agent_id, t.events.c.kind.in_(("call_closed", "driver_stopped"))]
        if before:
            conditions.append(t.events.c.seq <= before)
        if step is not None:
            nxt = select(func.min(t.steps.c.seq)).where(t.steps.c.agent_id == agent_id, t.steps.c.step > step)
            conditions.append(t.events.c.seq < func.coalesce(nxt.scalar_subquery(), 2**62))
        query = select(t.events).where(and_(*conditions), t.events.c.body.contains('"snapshot":'))
        rows = await self._all(query.order_by(t.events.c.seq.desc()).limit(1))
        if not rows:
            return ""
        event = ev.decode(rows[0].kind, rows[0].body)
        return event.snapshot if isinstance(event, (ev.CallClosed, ev.DriverStopped)) else ""

    async def last_take_over(self, agent_id: str) -> tuple[int, int, str] | None:
        """(seq, at, person) of the last take-over."""
        rows = await self._all(
            select(t.events)
            .where(t.events.c.agent_id == agent_id, t.events.c.kind == "taken_over")
            .order_by(t.events.c.seq.desc())
            .limit(1)
        )
        if not rows:
            return None
        event = ev.decode(rows[0].kind, rows[0].body)
        assert isinstance(event, ev.TakenOver)
        return rows[0].seq, rows[0].at, event.member

    # --- requests ------------------------------------------------------------------------------------

    async def requests(self, group_id: str | None = None, *, state: str = "open", limit: int = 500) -> list[Any]:
        """Requests with their words and answers; ``closed`` means answered or withdrawn; newest last."""
        states = ("answered", "withdrawn") if state == "closed" else (state,)
        query = select(t.requests).where(t.requests.c.state.in_(states))
        if group_id is not None:
            query = query.where(t.requests.c.group_id == group_id)
        rows = await self._all(query.order_by(t.requests.c.opened_at.desc()).limit(limit))
        return [_request_view(row) for row in reversed(rows)]

    async def request(self, request_id: str) -> dict[str, Any]:
        """One request, open or not. Raises NotFound."""
        rows = await self._all(select(t.requests).where(t.requests.c.id == request_id))
        if not rows:
            raise NotFound(f"There is no request {request_id}.")
        return _request_view(rows[0])

    async def verify(self, group_id: str) -> list[str]:
        """Audits a group: gaps, doubled or open calls, mirrors against a replay. Empty when all is well."""
        from clawgroups.ledger.audit import audit

        return await audit(self, group_id)

    async def calls(self, group_id: str) -> list[dict[str, Any]]:
        """All tool calls of a group with their fates."""
        rows = await self._all(select(t.tool_calls).where(t.tool_calls.c.group_id == group_id))
        return [dict(row._mapping) for row in rows]

    async def steps(self, group_id: str) -> list[dict[str, Any]]:
        """All steps of a group without their words."""
        query = select(t.steps).where(t.steps.c.group_id == group_id).order_by(t.steps.c.seq)
        return [dict(row._mapping) for row in await self._all(query)]


def _recorded(row: Row[Any]) -> ev.Recorded:
    return ev.Recorded(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        agent=row.agent_id,
        epoch=row.epoch,
        kind=row.kind,
        event=ev.decode(row.kind, row.body),
    )


def _request_of(row: Row[Any]) -> Request:
    return Request(
        id=row.id,
        kind=RequestKind(row.kind),
        agent=row.agent_id,
        opened_at=row.opened_at,
        call=row.call,
        tool=row.tool,
    )


def _request_view(row: Row[Any]) -> dict[str, Any]:
    view = dict(row._mapping)
    view["group"] = view.pop("group_id")
    view["agent"] = view.pop("agent_id")
    view["by"] = view.pop("by_member")
    view["text"] = view.pop("answer")
    view["choices"] = msgspec.json.decode(view["choices"])
    view["agent_name"] = view["agent"]
    view["blocked"] = 0
    assert view["group"] == group_of(view["id"])
    return view
