"""What people answered in a group: newest first, page by page, by one person or by all."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, Select, and_, func, or_, select, text

from clawgroups.errors import Invalid
from clawgroups.ledger import tables as t
from clawgroups.ledger.reader import Reader

_ANSWERED = text("requests.state = 'answered'")
_choices = msgspec.json.Decoder(list[dict[str, Any]])


class Answers(NamedTuple):
    """A page; ``next`` continues with older ones, empty on the last."""

    answers: list[dict[str, Any]]
    next: str


async def answers_page(reader: Reader, group_id: str, *, by: str = "", cursor: str = "", limit: int = 50) -> Answers:
    """At most ``limit`` answers older than where ``cursor`` points. Raises Invalid for a cursor that is none."""
    r = t.requests.c
    query = _named(select(t.requests, t.agents.c.name.label("agent_name"), t.members.c.name.label("by_name")))
    query = query.where(r.group_id == group_id, _ANSWERED)
    if by:
        query = query.where(r.by_member == by)
    if cursor:
        at, request = _place(cursor)
        query = query.where(or_(r.answered_at < at, and_(r.answered_at == at, r.id < request)))
    rows = await reader.rows(query.order_by(r.answered_at.desc(), r.id.desc()).limit(limit + 1))
    more = rows[limit - 1] if len(rows) > limit else None
    return Answers([_answer(row) for row in rows[:limit]], f"{more.answered_at}:{more.id}" if more else "")


async def answerers(reader: Reader, group_id: str) -> list[dict[str, Any]]:
    """Who has answered in a group and how often, the most busy first."""
    r = t.requests.c
    count = func.count().label("answers")
    query = select(r.by_member, func.max(t.members.c.name).label("name"), count)
    query = query.outerjoin_from(t.requests, t.members, t.members.c.id == r.by_member)
    query = query.where(r.group_id == group_id, _ANSWERED).group_by(r.by_member).order_by(count.desc(), r.by_member)
    found = await reader.rows(query)
    return [{"id": row.by_member, "name": row.name or row.by_member, "answers": row.answers} for row in found]


def _named(query: Select[Any]) -> Select[Any]:
    joined = t.requests.outerjoin(t.agents, t.agents.c.id == t.requests.c.agent_id)
    return query.select_from(joined.outerjoin(t.members, t.members.c.id == t.requests.c.by_member))


def _place(cursor: str) -> tuple[int, str]:
    at, _, request = cursor.partition(":")
    if not (at.isascii() and at.isdigit() and len(at) < 17 and request):
        raise Invalid(f"{cursor!r} is no cursor.", hint="Send what the page before gave as next.", field="cursor")
    return int(at), request


def _answer(row: Row[Any]) -> dict[str, Any]:
    chosen = next((c["label"] for c in _choices.decode(row.choices) if c["id"] == row.decision), row.decision)
    return {
        "id": row.id,
        "group": row.group_id,
        "agent": row.agent_id,
        "agent_name": row.agent_name or row.agent_id,
        **{name: getattr(row, name) for name in ("kind", "title", "detail", "tool", "arguments", "decision", "scope")},
        "label": chosen,
        "text": row.answer,
        "by": row.by_member,
        "by_name": row.by_name or row.by_member,
        "opened_at": row.opened_at,
        "answered_at": row.answered_at,
        "waited_ms": max(0, row.answered_at - row.opened_at),
    }
