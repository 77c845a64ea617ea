"""A group's record as JSON lines: one event a line, in order, with its body as it was written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from clawgroups.ledger.reader import Reader

_encode = msgspec.json.Encoder().encode


async def export_events(reader: Reader, group_id: str) -> AsyncIterator[str]:
    """Lines without their end. Raises NotFound for an unknown group."""
    await reader.load_group(group_id)
    async for recorded in reader.all_events(group_id):
        line = {
            "seq": recorded.seq,
            "at": recorded.at,
            "actor": recorded.actor,
            "agent_id": recorded.agent,
            "epoch": recorded.epoch,
            "kind": recorded.kind,
            "body": recorded.event,
        }
        yield _encode(line).decode()
