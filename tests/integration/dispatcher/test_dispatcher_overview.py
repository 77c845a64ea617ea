"""The first page of a house where many groups have ended: few queries, whatever their number, and more by cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dispatcher_rig import Rig
from sqlalchemy import event

from clawgroups.group import commands as cmd
from clawgroups.ledger.history import Filters, History
from clawgroups.ledger.ledger import Ledger
from clawgroups.testing.played_group import PlayedGroup
from clawgroups.testing.seed import created
from clawgroups.testing.seed import many as many_ended
from clawgroups.testing.seed_words import Told
from clawgroups.ui.components.board.overview import FIRST, MORE, Overview, card_of, ended_card

NOW = 1_790_000_000_000
ENDED = 400


@pytest.fixture
async def many(tmp_path: Path, database_url: str) -> AsyncIterator[Rig]:
    """A rig in whose house many groups have ended."""
    ledger = await Ledger.open(database_url)
    await many_ended(ledger.writer, ENDED, NOW)
    await ledger.close()
    rig = Rig(tmp_path / "home", database_url)
    await rig.open()
    yield rig
    await rig.close()


@contextmanager
def counted(ledger: Ledger) -> Iterator[list[str]]:
    """Every statement that the ledger's readers run."""
    seen: list[str] = []

    def hear(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = ledger.reader._engine.sync_engine
    event.listen(engine, "before_cursor_execute", hear)
    yield seen
    event.remove(engine, "before_cursor_execute", hear)


async def test_the_first_page_asks_a_handful_of_queries_and_none_when_nothing_ended(many: Rig) -> None:
    overview = Overview(many.dispatcher)
    with counted(many.ledger) as asked:
        read = await overview.read()
    asked = [statement for statement in asked if statement != "BEGIN"]
    assert len([card for card in read["groups"] if card["ended_at"]]) == FIRST
    assert len(asked) <= 5, asked
    overview._made_at = 0.0
    with counted(many.ledger) as again:
        await overview.read()
    assert again == []


async def test_all_ended_groups_come_by_cursor_each_once_newest_first(many: Rig) -> None:
    overview = Overview(many.dispatcher)
    read = await overview.read()
    ids = [card["id"] for card in read["groups"]]
    while cursor := read["next"]:
        read = await overview.older(cursor)
        assert len(read["groups"]) <= MORE
        ids += [card["id"] for card in read["groups"]]
    assert ids == [f"seedmany{number}" for number in reversed(range(ENDED))]


async def test_a_group_that_ends_and_one_that_is_opened_again_change_places(many: Rig) -> None:
    overview = Overview(many.dispatcher)
    await overview.read()
    played = created(PlayedGroup("fresh", NOW + 10**9), Told("Fresh", "g"))
    await many.found(played.group.members["you"], group="fresh", start=False)
    overview._made_at = 0.0
    first = (await overview.read())["groups"][0]
    assert (first["id"], first["status"]) == ("fresh", "draft")
    await many.do(cmd.CancelGroup(), group="fresh")
    overview._made_at = 0.0
    read = await overview.read()
    assert [(card["id"], card["status"]) for card in read["groups"]].count(("fresh", "cancelled")) == 1


async def test_a_card_of_an_ended_group_is_the_one_its_whole_state_makes(many: Rig) -> None:
    for run in (await History(many.ledger.reader).page(Filters(), "", 3)).runs:
        group = await many.ledger.reader.load_group(run.group.id)
        assert ended_card(run) == card_of(group)


async def test_the_api_lists_all_groups_page_by_page_with_a_handful_of_queries(many: Rig) -> None:
    ids: list[str] = []
    cursor = ""
    with counted(many.ledger) as asked:
        while True:
            page = await many.dispatcher.pages.groups(cursor, 150)
            ids += [view["id"] for view in page["groups"]]
            if not page["next"]:
                break
            cursor = page["next"]
    assert ids == [f"seedmany{number}" for number in reversed(range(ENDED))]
    assert len([statement for statement in asked if statement != "BEGIN"]) <= 5 * 3
    assert page["groups"][0]["counts"]["cancelled"] == 1
