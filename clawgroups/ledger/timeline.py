"""What a timeline is drawn from: turns at the wheel, steps, calls and requests, read without reading a whole history.

A sub-agent's steps are numbered and their times rise, so evenly spaced ones tell how fast it went, however many there
are, and a window of time is found by a few probes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Integer, Row, String, case, column, func, literal, select, values
from sqlalchemy.sql.selectable import CTE

from clawgroups.ledger import tables as t
from clawgroups.ledger.reader import Reader

MOST_TURNS = 20_000
MOST_CALLS = 20_000
MOST_WAITS = 5_000
HEAD = 600  # characters of an event's body; what may be long comes last in it
_FIELD = re.compile(r'"(epoch|member|member_kind|reason)":(?:"((?:[^"\\]|\\.)*)"|(\d+))')


class Range(NamedTuple):
    """Steps ``first`` to ``last`` of a sub-agent, of which ``wanted`` evenly spaced ones are wanted."""

    agent: str
    first: int
    last: int
    wanted: int


class Turn(NamedTuple):
    """An event that changed who drives or whether anybody does."""

    agent: str
    seq: int
    at: int
    kind: str
    actor: str
    epoch: int  # in the body: of the driver that it is about
    member: str
    member_kind: str
    reason: str


async def turns(reader: Reader, group_id: str, agents: Sequence[str] | None = None) -> list[Turn]:
    """The newest changes at the wheel of a group or of some sub-agents in it, in order."""
    event = t.events.c
    head = func.substr(event.body, 1, HEAD).label("head")
    query = select(event.agent_id, event.seq, event.at, event.kind, event.actor, head)
    query = query.where(event.group_id == group_id, t.TURNS)
    if agents is not None:
        query = query.where(event.agent_id.in_(agents))
    rows = await reader.rows(query.order_by(event.seq.desc()).limit(MOST_TURNS))
    return [_turn(row) for row in reversed(rows)]


def _turn(row: Row[Any]) -> Turn:
    said: dict[str, str] = {}
    for name, words, number in _FIELD.findall(row.head):
        said.setdefault(name, words or number)
    epoch = int(said.get("epoch") or 0)
    names = (said.get("member", ""), said.get("member_kind", ""), said.get("reason", "")[:80])
    return Turn(row.agent_id, row.seq, row.at, row.kind, row.actor, epoch, *names)


async def steps(reader: Reader, ranges: Sequence[Range]) -> dict[str, list[Row[Any]]]:
    """Evenly spaced steps (step, seq, at, by_member) of each range, the first and the last among them."""
    found: dict[str, list[Row[Any]]] = {each.agent: [] for each in ranges}
    if not ranges:
        return found
    want = _want(ranges)
    numbers = _numbers(max(each.wanted for each in ranges))
    apart = case((want.c.n > 1, want.c.n - 1), else_=1)
    step = t.steps.c
    query = (
        select(step.agent_id, step.step, step.seq, step.at, step.by_member)
        .select_from(want)
        .join(numbers, numbers.c.i < want.c.n)
        .join(t.steps, (step.agent_id == want.c.agent) & (step.step == want.c.lo + numbers.c.i * want.c.wide // apart))
    )
    for row in await reader.rows(query):
        found[row.agent_id].append(row)
    for rows in found.values():
        rows.sort(key=lambda row: int(row.step))
    return found


async def calls(reader: Reader, ranges: Sequence[Range]) -> list[Row[Any]]:
    """The tool calls of all steps of the ranges."""
    if not ranges:
        return []
    want, call = _want(ranges), t.tool_calls.c
    query = (
        select(call.agent_id, call.step, call.name, call.status, call.fate, call.at, call.closed_at)
        .select_from(want)
        .join(
            t.tool_calls,
            (call.agent_id == want.c.agent) & (call.step >= want.c.lo) & (call.step <= want.c.lo + want.c.wide),
        )
        .order_by(call.at.desc())
        .limit(MOST_CALLS)
    )
    return list(reversed(await reader.rows(query)))


async def waits(reader: Reader, group_id: str) -> list[Row[Any]]:
    """The newest requests of a group: what waited for a person, from when to when."""
    request = t.requests.c
    query = select(request.agent_id, request.kind, request.tool, request.opened_at, request.answered_at)
    query = query.where(request.group_id == group_id).order_by(request.opened_at.desc(), request.id.desc())
    return list(reversed(await reader.rows(query.limit(MOST_WAITS))))


async def marks(reader: Reader, agent_id: str, limit: int) -> list[Row[Any]]:
    """The first ``limit`` steps of a sub-agent: number, event and time."""
    step = t.steps.c
    query = select(step.step, step.seq, step.at).where(step.agent_id == agent_id)
    return list(await reader.rows(query.order_by(step.step).limit(limit)))


def _want(ranges: Sequence[Range]) -> CTE:
    columns = (column("agent", String), column("lo", Integer), column("wide", Integer), column("n", Integer))
    rows = [(each.agent, each.first, each.last - each.first, each.wanted) for each in ranges]
    return values(*columns, name="wanted").data(rows).cte("want")


def _numbers(count: int) -> CTE:
    begin = select(literal(0, Integer).label("i")).cte("numbers", recursive=True)
    return begin.union_all(select(begin.c.i + 1).where(begin.c.i + 1 < count))
