"""What an admin sets while the server runs: a table beside the record, of keys with a JSON value each.

What a server is started with is not here but in ``settings.py``.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Column, Connection, String, Table, Text, delete, insert, select

from clawgroups.ledger.reader import Reader
from clawgroups.ledger.tables import metadata
from clawgroups.ledger.writer import Writer

settings = Table(
    "settings",
    metadata,
    Column("key", String(80), primary_key=True),
    Column("value", Text, nullable=False),
)


class SettingsTable:
    """Reads through the ledger's reader, writes through its one writer."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def load(self, key: str) -> Any:
        """The value of a key; None where nobody has set it."""
        rows = await self._reader.rows(select(settings.c.value).where(settings.c.key == key))
        return msgspec.json.decode(rows[0].value) if rows else None

    async def load_all(self, prefix: str, most: int) -> dict[str, Any]:
        """The values of at most so many keys that begin so, by what follows in the key."""
        key = settings.c.key
        within = (key >= prefix) & (key < prefix + "\U0010ffff")
        rows = await self._reader.rows(select(key, settings.c.value).where(within).order_by(key).limit(most))
        return {row.key[len(prefix) :]: msgspec.json.decode(row.value) for row in rows}

    async def put(self, key: str, value: Any) -> None:
        """Sets a key; None takes it away. ``value``: what JSON can hold."""
        text = msgspec.json.encode(value).decode()

        def work(connection: Connection) -> None:
            connection.execute(delete(settings).where(settings.c.key == key))
            if value is not None:
                connection.execute(insert(settings).values(key=key, value=text))

        await self._writer.beside(work)
