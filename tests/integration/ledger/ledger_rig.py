"""What the ledger's tests need: histories written to a real database, and looks at its tables from outside."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from clawgroups.errors import LedgerBusy
from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.decide import decide
from clawgroups.group.draft import LOCAL_ADMIN, Decision
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Group
from clawgroups.ledger import tables as t
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.mirror import GroupCommit
from tests.unit.group.rule_world import GROUP
from tests.unit.ledger.ledger_history import History, commits_of

MIRRORS = tuple(table for table in t.metadata.sorted_tables if table is not t.owner)
YOU = Member(id=LOCAL_ADMIN, name="You", kind=MemberKind.PERSON)


def file_of(url: str) -> Path:
    """Where a SQLite ledger lies."""
    return Path(str(make_url(url).database))


async def write(ledger: Ledger, events: Sequence[ev.Recorded], largest: int = 40, seed: int = 0) -> None:
    """Commits a history in batches of random size."""
    for commit in commits_of(events, largest, random.Random(seed)):
        await ledger.writer.commit([commit])


async def written(ledger: Ledger, seed: int, moves: int = 300) -> History:
    """A history of group ``g`` that is in the ledger now."""
    history = History(seed).play(moves)
    await write(ledger, history.world.events, seed=seed)
    return history


def judged(group: Group, command: cmd.Command, actor: str = LOCAL_ADMIN) -> Decision:
    """What the rules make of a command."""
    return decide(group, command, actor=actor, at=1_700_000_000_000)


def founded(group_id: str) -> Decision:
    """A new group with one person in it."""
    create = cmd.CreateGroup(group=group_id, name="n", goal="g", conductor=LOCAL_ADMIN, members=(YOU,))
    return judged(Group(id=group_id), create)


def noted(group: Group, words: str) -> Decision:
    """One event more: the standing rules say ``words``."""
    return judged(group, cmd.ChangeRules(words))


def commit_of(decision: Decision) -> GroupCommit:
    """All that a decision leads to, for the writer."""
    return GroupCommit(decision.group, decision.events)


async def ask(url: str, *statements: str, **values: Any) -> list[Any]:
    """Runs statements in one transaction on a connection that is not the ledger's; the rows of the last one."""
    engine = create_async_engine(make_url(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                done = await connection.execute(text(statement), values)
            return list(done.all()) if done.returns_rows else []
    finally:
        await engine.dispose()


async def tables_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, without the numbers that the database gives by itself."""
    engine = create_async_engine(make_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            found = {}
            for table in MIRRORS:
                columns = [column for column in table.columns if column.autoincrement is not True]
                rows = (await connection.execute(select(*columns))).all()
                found[table.name] = sorted((tuple(row) for row in rows), key=repr)
            return found
    finally:
        await engine.dispose()


async def whole(ledger: Ledger, group_id: str = GROUP) -> int:
    """The number of the last event of a group whose record is in order."""
    assert await ledger.reader.verify(group_id) == []
    numbers = [recorded.seq async for recorded in ledger.reader.all_events(group_id)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert await ledger.reader.seq(group_id) == len(numbers)
    return len(numbers)


LIFT_SQLITE = ("DROP TRIGGER events_append_only_UPDATE", "DROP TRIGGER events_append_only_DELETE")


async def opened_soon(url: str) -> Ledger:
    """The ledger, once whoever was killed has been noticed."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await Ledger.open(url)
            except LedgerBusy:
                await asyncio.sleep(0.02)
