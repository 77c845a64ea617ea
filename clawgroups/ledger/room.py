"""What was said in a group's room, page by page: words of people and members, changes of rules and of driver, results.

A result is not written twice: it is the very event that ended the sub-agent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Row, Select, select

from clawgroups.group.attachments import Attachment, view
from clawgroups.ledger import tables as t
from clawgroups.ledger.reader import Reader

SHOWN = ("post", "steer", "rules", "hand_back", "reassign")
RESULTS = {"agent_finished": ("finished", "result"), "agent_failed": ("failed", "reason")}  # kind, field of its words
ENDS = frozenset(kind for kind, _ in RESULTS.values())
_body = msgspec.json.Decoder(dict[str, Any])
Message = dict[str, Any]


async def room_page(
    reader: Reader, group_id: str, *, before: int | None = None, after: int | None = None, agent: str = "", limit: int
) -> list[Message]:
    """At most ``limit`` messages in order: the newest before event ``before``, or the oldest after event ``after``.

    ``agent``: only its thread, which is what it said, what was said to it, and its result. ``to`` says whom a message
    was for: a list of {agent, delivered_at}, 0 while it is queued.
    """
    m, e = t.messages.c, t.events.c
    said = select(t.messages).where(m.group_id == group_id, m.kind.in_((*SHOWN, "told") if agent else SHOWN))
    ended = select(e.seq, e.at, e.agent_id, e.kind, e.body).where(e.group_id == group_id, t.TURNS, e.kind.in_(RESULTS))
    if agent:
        said, ended = said.where(m.agent_id == agent), ended.where(e.agent_id == agent)
    rows = [
        *await reader.rows(_part(said, m.seq, before, after, limit)),
        *await reader.rows(_part(ended, e.seq, before, after, limit)),
    ]
    rows.sort(key=lambda row: int(row.seq))
    rows = rows[:limit] if after is not None else rows[-limit:]
    posts = await _bodies(reader, group_id, [row.seq for row in rows if _carries(row)])
    delivered = await _delivered(reader, [ref for body in posts.values() for ref in body.get("steers", ())])
    return [_result(row) if row.kind in RESULTS else _message(row, posts.get(row.seq, {}), delivered) for row in rows]


def _part(query: Select[Any], seq: Any, before: int | None, after: int | None, limit: int) -> Select[Any]:
    if after is not None:
        return query.where(seq > after).order_by(seq).limit(limit)
    query = query.where(seq < before) if before is not None else query
    return query.order_by(seq.desc()).limit(limit)


def _carries(row: Row[Any]) -> bool:
    """Whether its event says more than its row: whom it was for, and what is attached."""
    return bool((row.kind == "post" and not row.agent_id) or row.kind == "told")


async def _bodies(reader: Reader, group_id: str, numbers: list[int]) -> dict[int, dict[str, Any]]:
    if not numbers:
        return {}
    e = t.events.c
    found = await reader.rows(select(e.seq, e.body).where(e.group_id == group_id, e.seq.in_(numbers)))
    return {row.seq: _body.decode(row.body) for row in found}


async def _delivered(reader: Reader, refs: Iterable[str]) -> dict[str, int]:
    wanted = list(refs)
    if not wanted:
        return {}
    m = t.messages.c
    return {
        row.ref: row.delivered_at for row in await reader.rows(select(m.ref, m.delivered_at).where(m.ref.in_(wanted)))
    }


def _message(row: Row[Any], body: dict[str, Any], delivered: dict[str, int]) -> Message:
    to = [
        {"agent": agent, "delivered_at": delivered.get(ref, 0)}
        for agent, ref in zip(body.get("to", ()), body.get("steers", ()), strict=True)
    ]
    if row.kind in ("steer", "told"):
        to = [{"agent": row.agent_id, "delivered_at": row.delivered_at}]
    kind = "post" if row.kind in ("steer", "told") else row.kind
    by_agent = row.agent_id if row.kind == "post" else ""
    about = row.agent_id if row.kind in ("hand_back", "reassign") else ""
    return {
        **{"seq": row.seq, "kind": kind, "at": row.at, "by": row.by_member, "by_agent": by_agent, "about": about},
        **{"text": row.text, "to": to, "attachments": _attached(body)},
    }


def _attached(body: dict[str, Any]) -> list[dict[str, str | int]]:
    return [view(one) for one in msgspec.convert(body.get("attachments", []), list[Attachment])]


def _result(row: Row[Any]) -> Message:
    kind, field = RESULTS[row.kind]
    text = _body.decode(row.body).get(field, "")
    return {
        **{"seq": row.seq, "kind": kind, "at": row.at, "by": "", "by_agent": row.agent_id, "about": ""},
        **{"text": text, "to": [], "attachments": []},
    }
