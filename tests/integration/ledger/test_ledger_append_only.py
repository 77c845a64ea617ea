"""The database itself refuses to change or remove what was recorded."""

from __future__ import annotations

import pytest
from ledger_rig import ask, whole, written
from sqlalchemy.exc import DBAPIError

from clawgroups.ledger.ledger import Ledger


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '{}' WHERE seq = 3",
        "UPDATE events SET seq = seq + 1000",
        "DELETE FROM events WHERE seq = 3",
        "DELETE FROM events",
    ],
)
async def test_an_event_can_be_neither_changed_nor_removed(ledger: Ledger, database_url: str, statement: str) -> None:
    history = await written(ledger, 2, 60)
    with pytest.raises(DBAPIError, match="the record is append-only"):
        await ask(database_url, statement)
    assert await whole(ledger) == len(history.world.events)


async def test_the_record_cannot_be_emptied_at_a_stroke_either(postgres_url: str) -> None:
    ledger = await Ledger.open(postgres_url)
    try:
        history = await written(ledger, 2, 60)
        with pytest.raises(DBAPIError, match="the record is append-only"):
            await ask(postgres_url, "TRUNCATE events")
        assert await whole(ledger) == len(history.world.events)
    finally:
        await ledger.close()
