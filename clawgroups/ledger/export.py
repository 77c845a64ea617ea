"""A group's record for other programs: JSON lines of everything, or tables of its steps, calls and requests as CSV.

However long the group is, a page of it is in memory at a time. An export ends with what was last when it began.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, Select, and_, or_, select

from clawgroups.group import events as ev
from clawgroups.ledger import tables as t
from clawgroups.ledger.reader import Reader
from clawgroups.ledger.words import key

PAGE = 1_000
ROWS = 200  # of a table: each comes with the words of its events
_encode = msgspec.json.Encoder().encode
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def export_events(reader: Reader, group_id: str) -> AsyncIterator[str]:
    """Lines without their end, up to the event that is the last one now. Raises NotFound for an unknown group."""
    last = await reader.seq(group_id)
    after = 0
    while after < last:
        rows = await reader.event_rows(group_id, after, min(PAGE, last - after))
        for row in rows:
            line = {
                "seq": row.seq,
                "at": row.at,
                "actor": row.actor,
                "agent_id": row.agent_id,
                "epoch": row.epoch,
                "kind": row.kind,
                "body": msgspec.Raw(row.body.encode()),
            }
            yield _encode(line).decode()
        after = rows[-1].seq if rows else last


class _Table(NamedTuple):
    """``page``: the query for the rows after one (None: the first); ``cells``: the row as it is written."""

    head: tuple[str, ...]
    page: Callable[[str, int, Row[Any] | None], Select[Any]]
    cells: Callable[[Row[Any]], Sequence[Any]]


async def export_csv(reader: Reader, group_id: str, what: str) -> AsyncIterator[str]:
    """A table of the group as text, a page at a time: ``what`` is one of TABLES. Raises NotFound.

    A cell that a spreadsheet would take for a formula begins with an apostrophe: words of models are no commands.
    """
    last = await reader.seq(group_id)
    table = TABLES[what]
    yield _written([table.head])
    row: Row[Any] | None = None
    while True:
        rows = await reader.rows(table.page(group_id, last, row).limit(ROWS))
        if rows:
            yield _written([table.cells(found) for found in rows])
        if len(rows) < ROWS:
            return
        row = rows[-1]


def _written(rows: Sequence[Sequence[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows([[guarded(cell) for cell in row] for row in rows])
    return file.getvalue()


def guarded(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA) else cell


def _time(ms: int) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).isoformat(timespec="milliseconds") if ms else ""


def _steps(group_id: str, last: int, row: Row[Any] | None) -> Select[Any]:
    """By sub-agent in order of its number, so that the index of each one's steps serves it."""
    column, agent = t.steps.c, t.agents.c
    query = select(t.steps, agent.number, agent.name.label("agent_name"), t.events.c.body)
    query = query.join_from(t.agents, t.steps, column.agent_id == agent.id)
    query = query.join(t.events, and_(t.events.c.group_id == column.group_id, t.events.c.seq == column.seq))
    query = query.where(agent.group_id == group_id, column.seq <= last)
    if row is not None:
        later = and_(agent.number == row.number, column.step > row.step)
        query = query.where(agent.number >= row.number, or_(agent.number > row.number, later))
    return query.order_by(agent.number, column.step)


def _step_cells(row: Row[Any]) -> Sequence[Any]:
    event = ev.decode("step_committed", row.body)
    said = event.content if isinstance(event, ev.StepCommitted) else ""
    who = (row.agent_id, row.agent_name, row.step, _time(row.at), row.by_member, row.finish)
    return (*who, row.tokens_in, row.tokens_out, row.cached, row.cost, said)


def _calls(group_id: str, last: int, row: Row[Any] | None) -> Select[Any]:
    column, agent = t.tool_calls.c, t.agents.c
    made, closed = t.events.alias("made"), t.events.alias("closed")
    query = select(
        t.tool_calls,
        agent.number,
        agent.name.label("agent_name"),
        made.c.body.label("made"),
        closed.c.body.label("closed"),
    )
    query = query.join_from(t.agents, t.tool_calls, column.agent_id == agent.id)
    query = query.join(made, and_(made.c.group_id == column.group_id, made.c.seq == column.proposed_seq))
    end = and_(column.closed_seq > 0, closed.c.group_id == column.group_id, closed.c.seq == column.closed_seq)
    query = query.outerjoin(closed, end).where(agent.group_id == group_id, column.proposed_seq <= last)
    if row is not None:
        within = or_(column.step > row.step, and_(column.step == row.step, column.call_id > row.call_id))
        later = and_(agent.number == row.number, column.step >= row.step, within)
        query = query.where(agent.number >= row.number, or_(agent.number > row.number, later))
    return query.order_by(agent.number, column.step, column.call_id)


def _call_cells(row: Row[Any]) -> Sequence[Any]:
    made = ev.decode("step_committed", row.made)
    calls = made.calls if isinstance(made, ev.StepCommitted) else ()
    arguments = next((call.arguments for call in calls if key(call.id) == row.call_id), "")
    closed = ev.decode("call_closed", row.closed) if row.closed else None
    result = closed.content if isinstance(closed, ev.CallClosed) else ""
    who = (row.agent_id, row.agent_name, row.step, row.call_id, row.name)
    return (*who, row.status, row.fate, _time(row.at), _time(row.closed_at), arguments, result)


def _requests(group_id: str, last: int, row: Row[Any] | None) -> Select[Any]:
    column = t.requests.c
    query = select(t.requests).where(column.group_id == group_id)
    if row is not None:
        later = and_(column.opened_at == row.opened_at, column.id > row.id)
        query = query.where(column.opened_at >= row.opened_at, or_(column.opened_at > row.opened_at, later))
    return query.order_by(column.opened_at, column.id)


def _request_cells(row: Row[Any]) -> Sequence[Any]:
    asked = (row.id, row.agent_id, row.kind, row.title, row.detail, row.tool, row.arguments, _time(row.opened_at))
    return (*asked, row.state, _time(row.answered_at), row.decision, row.by_member, row.answer, row.scope)


_STEP = ("agent", "agent_name", "step", "at", "by", "finish", "tokens_in", "tokens_out", "cached", "cost_usd", "said")
_CALL = ("agent", "agent_name", "step", "call", "tool", "status", "fate", "at", "closed_at", "arguments", "result")
_REQUEST = ("request", "agent", "kind", "title", "detail", "tool", "arguments", "opened_at")
_ANSWER = ("state", "answered_at", "decision", "by", "answer", "scope")
TABLES = {
    "steps": _Table(_STEP, _steps, _step_cells),
    "calls": _Table(_CALL, _calls, _call_cells),
    "requests": _Table((*_REQUEST, *_ANSWER), _requests, _request_cells),
}
