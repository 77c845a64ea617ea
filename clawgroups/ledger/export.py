"""A group's record as JSON lines: one event a line, in order, with its body as it was written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from clawgroups.ledger.reader import Reader

PAGE = 1_000
_encode = msgspec.json.Encoder().encode


async def export_events(reader: Reader, group_id: str) -> AsyncIterator[str]:
    """Lines without their end, up to the event that is the last one now. Raises NotFound for an unknown group.

    Only a page of them is in memory at a time.
    """
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
