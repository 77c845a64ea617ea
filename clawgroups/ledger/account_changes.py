"""What was done to accounts, by whom and when: a table that only grows, written together with the change itself."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Integer, String, Table, Text, select

from clawgroups.ledger.reader import Reader
from clawgroups.ledger.tables import metadata

account_changes = Table(
    "account_changes",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("what", String(20), nullable=False),
    Column("detail", Text, nullable=False),
)


class AccountChange(Struct, frozen=True, kw_only=True):
    """``actor``: the person who did it, empty for somebody at the server's own machine. ``what``: see ``SAID``."""

    actor: str
    account: str
    what: str
    detail: str = ""


async def load_changes(reader: Reader, *, before: int, limit: int) -> list[dict[str, Any]]:
    """The newest first; ``before``: only those with a smaller ``seq`` (0: from the newest on)."""
    query = select(account_changes).order_by(account_changes.c.seq.desc()).limit(limit)
    rows = await reader.rows(query.where(account_changes.c.seq < before) if before else query)
    return [dict(row._mapping) for row in rows]
