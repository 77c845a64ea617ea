"""Finds what is attached in a group's record."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from clawgroups.errors import NotFound
from clawgroups.group.attachments import Attachment
from clawgroups.ledger import tables as t
from clawgroups.ledger.reader import Reader

_AT_ONCE = 500  # parameters of one query


async def attachment(reader: Reader, group_id: str, attachment_id: str) -> Attachment:
    """One that a message of this group carries. Raises NotFound."""
    column = t.attachments.c
    rows = await reader.rows(select(t.attachments).where(column.group_id == group_id, column.id == attachment_id))
    if not rows:
        hint = "Only what was posted can be read; what was not is cleared after a day."
        raise NotFound(f"Nothing of that id is attached in group {group_id}.", hint=hint)
    row = rows[0]
    return Attachment(row.id, row.name, row.media_type, row.size, row.sha256)


async def kept(reader: Reader, hashes: Iterable[str]) -> set[str]:
    """Those of these hashes that the record of any group refers to."""
    asked, found = list(hashes), set[str]()
    column = t.attachments.c.sha256
    for begin in range(0, len(asked), _AT_ONCE):
        query = select(column).where(column.in_(asked[begin : begin + _AT_ONCE])).distinct()
        found |= {row.sha256 for row in await reader.rows(query)}
    return found
