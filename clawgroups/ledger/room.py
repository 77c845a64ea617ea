"""What was said in a group's room, page by page: words of people and members, changes of rules, changes of driver."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Row, select

from clawgroups.ledger import tables as t
from clawgroups.ledger.reader import Reader

SHOWN = ("post", "steer", "rules", "hand_back", "reassign")
_body = msgspec.json.Decoder(dict[str, Any])


async def room_page(
    reader: Reader, group_id: str, *, before: int | None = None, after: int | None = None, agent: str = "", limit: int
) -> list[dict[str, Any]]:
    """At most ``limit`` messages in order: the newest before event ``before``, or the oldest after event ``after``.

    ``agent``: only its thread, which is what it said and what was said to it. ``to`` says whom a message was for:
    a list of {agent, delivered_at}, 0 while it is queued.
    """
    m = t.messages.c
    query = select(t.messages).where(m.group_id == group_id, m.kind.in_((*SHOWN, "told") if agent else SHOWN))
    if agent:
        query = query.where(m.agent_id == agent)
    if after is not None:
        query = query.where(m.seq > after).order_by(m.seq).limit(limit)
    else:
        query = query.order_by(m.seq.desc()).limit(limit)
        query = query.where(m.seq < before) if before is not None else query
    rows = sorted(await reader.rows(query), key=lambda row: int(row.seq))
    posts = await _posts(reader, group_id, [row.seq for row in rows if row.kind == "post" and not row.agent_id])
    delivered = await _delivered(reader, [ref for body in posts.values() for ref in body.get("steers", ())])
    return [_message(row, posts.get(row.seq, {}), delivered) for row in rows]


async def _posts(reader: Reader, group_id: str, numbers: list[int]) -> dict[int, dict[str, Any]]:
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


def _message(row: Row[Any], body: dict[str, Any], delivered: dict[str, int]) -> dict[str, Any]:
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
        **{"text": row.text, "to": to},
    }
