"""Reads the ledger on connections of its own; never waits for the writer and is paged everywhere."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Executable, Row, func, select, text, union
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from clawgroups.errors import Invalid, NotFound
from clawgroups.group import events as ev
from clawgroups.group.state import Agent, Group, Request, RequestKind
from clawgroups.group.thread import Entry
from clawgroups.ledger import tables as t
from clawgroups.ledger.audit import audit
from clawgroups.ledger.faults import BadRow, fault_of
from clawgroups.ledger.mirror import HOUSE
from clawgroups.ledger.threads import END, Threads
from clawgroups.ledger.words import clean

PAGE = 200
_group = msgspec.json.Decoder(Group)
_agent = msgspec.json.Decoder(Agent)
_IN_ORDER = (t.requests.c.opened_at, func.length(t.requests.c.id), t.requests.c.id)  # r10 comes after r2


class Reader:
    """Queries named after what they are for. All raise LedgerStopped when the database cannot be read."""

    def __init__(self, engine: AsyncEngine, connection: AsyncConnection | None = None) -> None:
        self._engine = engine
        self._connection = connection
        self._threads = Threads(self.rows)

    @property
    def dialect(self) -> str:
        """The kind of database: ``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    async def rows(self, query: Executable) -> Sequence[Row[Any]]:
        """What ``query`` finds. Raises Invalid when it asks for something that no database could hold."""
        try:
            if self._connection is not None:
                return (await self._connection.execute(query)).all()
            async with self._engine.connect() as connection:
                return (await connection.execute(query)).all()
        except Exception as error:
            fault = fault_of(error)
            if isinstance(fault, BadRow):
                raise Invalid("Nothing can have such an id or number.", hint="Look at the address.") from error
            raise fault from error

    @contextlib.asynccontextmanager
    async def frozen(self) -> AsyncIterator[Reader]:
        """A reader of this instant: whatever is written meanwhile, all its answers fit each other."""
        if self._connection is not None:
            yield self
            return
        try:
            connection = await self._engine.connect()
        except Exception as error:
            raise fault_of(error) from error
        try:
            yield Reader(self._engine, connection)
        finally:
            await connection.close()

    # --- groups --------------------------------------------------------------------------------------

    async def unfinished(self) -> list[str]:
        """Groups that a restarted server must go on with: not ended, or with a sub-agent that still holds a seat."""
        query = union(
            select(t.groups.c.id).where(t.UNFINISHED), select(t.agents.c.group_id.label("id")).where(t.SEATED)
        )
        return sorted(row.id for row in await self.rows(query))

    async def group_ids(self, limit: int = 500) -> list[str]:
        """All groups, newest first."""
        column = t.groups.c
        query = select(column.id).where(column.id != HOUSE).order_by(column.created_at.desc(), column.id.desc())
        return [row.id for row in await self.rows(query.limit(limit))]

    async def load_group(self, group_id: str) -> Group:
        """The present state from the mirrored tables, not from history: summaries only. Raises NotFound."""
        async with self.frozen() as frozen:
            found = await frozen.rows(select(t.groups.c.state).where(t.groups.c.id == group_id))
            if not found:
                raise NotFound(f"There is no group {group_id}.")
            of_group = select(t.agents.c.state).where(t.agents.c.group_id == group_id)
            agents = [_agent.decode(row.state) for row in await frozen.rows(of_group.order_by(t.agents.c.number))]
            waiting = select(t.requests).where(t.requests.c.group_id == group_id, t.STILL_OPEN)
            open_ones = await frozen.rows(waiting.order_by(*_IN_ORDER))
        by_id = {agent.id: agent for agent in agents}
        requests = [_request_of(row, by_id.get(row.agent_id)) for row in open_ones]
        return replace(
            _group.decode(found[0].state),
            agents=by_id,
            requests={request.id: request for request in requests},
        )

    async def seq(self, group_id: str) -> int:
        """The number of a group's last event. Raises NotFound."""
        found = await self.rows(select(t.groups.c.seq).where(t.groups.c.id == group_id))
        if not found:
            raise NotFound(f"There is no group {group_id}.")
        return int(found[0].seq)

    # --- events --------------------------------------------------------------------------------------

    async def event_rows(
        self, group_id: str, after: int = 0, limit: int = PAGE, *, agent: str = ""
    ) -> Sequence[Row[Any]]:
        """A page of the append-only record as it was written, in order; of one sub-agent's where asked."""
        column = t.events.c
        of = column.agent_id == agent if agent else column.group_id == group_id
        return await self.rows(select(t.events).where(of, column.seq > after).order_by(column.seq).limit(limit))

    async def events(self, group_id: str, after: int = 0, limit: int = PAGE) -> list[ev.Recorded]:
        """A page of the append-only record, in order."""
        return [_recorded(row) for row in await self.event_rows(group_id, after, limit)]

    async def all_events(self, group_id: str, *, agent: str = "") -> AsyncIterator[ev.Recorded]:
        """The whole record, or one sub-agent's, page by page."""
        after = 0
        while page := await self.event_rows(group_id, after, 1_000, agent=agent):
            for row in page:
                yield _recorded(row)
            after = page[-1].seq

    # --- sub-agents ----------------------------------------------------------------------------------

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

        It is the last page when it is shorter than ``limit``; entries of one event are never torn apart, so it may
        be longer. A fork's thread begins with its origin's up to the step it was forked from. ``for_driver``
        leaves out what only people see (late writes of old drivers). Raises NotFound.
        """
        async with self.frozen() as frozen:
            return await frozen._threads.page(agent_id, after, before, limit, late=not for_driver)

    async def agent_state(self, agent_id: str) -> Agent:
        """A sub-agent's summary as mirrored. Raises NotFound."""
        return await self._threads.agent(agent_id)

    async def agent_texts(self, agent_id: str) -> dict[str, str]:
        """Title, task, system prompt and acceptance criteria; a fork's are its origin's."""
        rows = await self.rows(select(t.agent_tasks).where(t.agent_tasks.c.agent_id == agent_id))
        if not rows:
            raise NotFound(f"There is no sub-agent {agent_id}.")
        if not rows[0].task:
            agent = await self.agent_state(agent_id)
            if agent.forked_from:
                return {**await self.agent_texts(agent.forked_from), "title": rows[0].title}
        row = rows[0]
        return {
            "title": row.title,
            "task": row.task,
            "system_prompt": row.system_prompt,
            "acceptance": row.acceptance,
        }

    async def steps(self, agent_id: str, after: int = 0, limit: int = PAGE) -> list[dict[str, Any]]:
        """A page of a sub-agent's steps after step ``after``, without their words."""
        column = t.steps.c
        query = select(t.steps).where(column.agent_id == agent_id, column.step > after)
        return [dict(row._mapping) for row in await self.rows(query.order_by(column.step).limit(limit))]

    async def calls(self, agent_id: str, after: int = 0, limit: int = PAGE) -> list[dict[str, Any]]:
        """The tool calls, with their fates, of the ``limit`` steps after step ``after`` of a sub-agent."""
        column = t.tool_calls.c
        query = select(t.tool_calls).where(
            column.agent_id == agent_id, column.step > after, column.step <= after + limit
        )
        return [dict(row._mapping) for row in await self.rows(query.order_by(column.step, column.call_id))]

    async def stop_proof(self, agent_id: str) -> dict[str, Any] | None:
        """The last proof that a driver of this sub-agent stands still."""
        found = await self._last_at_the_wheel(agent_id, ("driver_stopped", "seat_lost"))
        if found is None:
            return None
        event = ev.decode(found.kind, found.body)
        proof: dict[str, Any] = {"epoch": getattr(event, "epoch", 0), "at": found.at, "seq": found.seq}
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

    async def last_take_over(self, agent_id: str) -> tuple[int, int, str] | None:
        """(seq, at, person) of the last take-over."""
        found = await self._last_at_the_wheel(agent_id, ("taken_over",))
        return (found.seq, found.at, msgspec.json.decode(found.body)["member"]) if found is not None else None

    async def _last_at_the_wheel(self, agent_id: str, kinds: tuple[str, ...]) -> Row[Any] | None:
        column = t.events.c
        query = select(t.events).where(column.agent_id == agent_id, t.AT_THE_WHEEL, column.kind.in_(kinds))
        rows = await self.rows(query.order_by(column.seq.desc()).limit(1))
        return rows[0] if rows else None

    async def last_snapshot(self, agent_id: str, step: int | None = None, before: int = 0) -> str:
        """The newest tree of its workspace (a fork's may be its origin's); empty when there is none.

        At most as new as the end of ``step``, at most as new as event ``before``.
        """
        column = t.snapshots.c
        for stretch in reversed(await self._threads.chain(agent_id, step)):
            end = min(stretch.end, before + 1 if before else END)
            query = select(column.tree).where(column.agent_id == stretch.agent, column.seq < end)
            rows = await self.rows(query.order_by(column.seq.desc()).limit(1))
            if rows:
                return str(rows[0].tree)
        return ""

    # --- requests ------------------------------------------------------------------------------------

    async def requests(
        self, group_id: str | None = None, *, state: str = "open", limit: int = 500
    ) -> list[dict[str, Any]]:
        """The newest requests with their words and answers, oldest first.

        ``state`` is ``open``, ``closed`` (answered or withdrawn), ``answered`` or ``withdrawn``.
        """
        column = t.requests.c
        query = select(t.requests, t.agents.c.name.label("agent_name"))
        query = query.outerjoin_from(t.requests, t.agents, t.agents.c.id == column.agent_id)
        if group_id is not None:
            query = query.where(column.group_id == group_id)
        if state == "open":
            query = query.where(t.STILL_OPEN)
        else:
            query = query.where(text("requests.state <> 'open'") if state == "closed" else column.state == state)
        rows = await self.rows(query.order_by(column.opened_at.desc(), column.id.desc()).limit(limit))
        return [_request_view(row) for row in sorted(rows, key=lambda row: (row.opened_at, len(row.id), row.id))]

    async def request(self, request_id: str) -> dict[str, Any]:
        """One request, open or not. Raises NotFound."""
        query = select(t.requests, t.agents.c.name.label("agent_name"))
        query = query.outerjoin_from(t.requests, t.agents, t.agents.c.id == t.requests.c.agent_id)
        rows = await self.rows(query.where(t.requests.c.id == request_id))
        if not rows:
            raise NotFound(f"There is no request {request_id}.")
        return _request_view(rows[0])

    async def verify(self, group_id: str) -> list[str]:
        """Audits a group: gaps, doubled or open calls, every mirror against a replay. Empty when all is well."""
        async with self.frozen() as frozen:
            return await audit(frozen, group_id)


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


def _request_of(row: Row[Any], agent: Agent | None) -> Request:
    """A call's id and name may hold what a column cannot; the sub-agent's summary has them as they are."""
    call, tool = row.call, row.tool
    for meant in agent.calls if agent is not None and call else ():
        if clean(meant.id) == call:
            call, tool = meant.id, meant.name if clean(meant.name) == tool else tool
            break
    return Request(
        id=row.id,
        kind=RequestKind(row.kind),
        agent=row.agent_id,
        opened_at=row.opened_at,
        call=call,
        tool=tool,
        assigned=row.assigned_to,
        assigned_at=row.assigned_at,
    )


def _request_view(row: Row[Any]) -> dict[str, Any]:
    view = dict(row._mapping)
    view["group"] = view.pop("group_id")
    view["agent"] = view.pop("agent_id")
    view["by"] = view.pop("by_member")
    view["text"] = view.pop("answer")
    view["assigned"] = view.pop("assigned_to")
    view["choices"] = msgspec.json.decode(view["choices"])
    view["agent_name"] = view["agent_name"] or view["agent"]
    view["blocked"] = 0
    return view
