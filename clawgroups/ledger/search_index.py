"""Fills the search behind the record, in small batches that each move its place in the same transaction.

A word's place is one number: the group's, the event's within it, and the part of a long text. So all words of a group
lie side by side in the index, and the newest group that holds a word is found without looking at every hit.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from clawgroups.group import events as ev
from clawgroups.ledger import tables as t
from clawgroups.ledger.mirror import HOUSE
from clawgroups.ledger.search_texts import KINDS, Fact, facts_of, joined, texts_of
from clawgroups.ledger.search_words import parts, spaced, tsvector
from clawgroups.ledger.words import key

log = logging.getLogger("clawgroups.search")
SEQ_BITS, PART_BITS = 34, 5
GROUP_BITS = SEQ_BITS + PART_BITS
MODULE = "fts5"  # of SQLite; a build may lack it


class Progress(NamedTuple):
    """Up to which event the index has come, and which is the last one there is."""

    at: int
    last: int

    @property
    def behind(self) -> int:
        """How many events are not in it yet."""
        return self.last - self.at


class Place(NamedTuple):
    """Where some words are: the group's number, the event's in the group, and which part of its text."""

    group: int
    seq: int
    part: int

    @property
    def packed(self) -> int:
        """As one number, as the index has it."""
        return self.group << GROUP_BITS | self.seq << PART_BITS | self.part

    @classmethod
    def of(cls, packed: int) -> Place:
        """The place that a number means."""
        seq = packed >> PART_BITS & (1 << SEQ_BITS) - 1
        return cls(packed >> GROUP_BITS, seq, packed & (1 << PART_BITS) - 1)


def make_words(connection: Connection) -> bool:
    """Makes the index of words where it is missing. False where this SQLite has no full-text search."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("CREATE TABLE IF NOT EXISTS search_words (id bigint PRIMARY KEY, words tsvector)"))
        connection.execute(text("CREATE INDEX IF NOT EXISTS ix_search_words ON search_words USING gin (words)"))
        return True
    made = f"CREATE VIRTUAL TABLE IF NOT EXISTS search_words USING {MODULE}"
    options = "(words, content='', columnsize=0, tokenize='ascii')"
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(made + options)
            connection.exec_driver_sql("SELECT rowid FROM search_words WHERE search_words MATCH 'x' LIMIT 1")
    except OperationalError as error:
        if "no such module" not in str(error):
            raise
        return False
    return True


def prepare(connection: Connection) -> bool:
    """Brings the index into being at start; True when words can be searched. One that was missing is filled anew."""
    there = _words_there(connection)
    can = make_words(connection)
    known = connection.execute(select(t.search_progress.c.event_id)).first()
    if known is None:
        connection.execute(insert(t.search_progress).values(id=1, event_id=0))
    elif can and not there:
        connection.execute(update(t.search_progress).values(event_id=0))
    return can


def _words_there(connection: Connection) -> bool:
    if connection.dialect.name == "postgresql":
        return connection.execute(text("SELECT to_regclass('search_words')")).scalar() is not None
    named = text("SELECT 1 FROM sqlite_master WHERE name = 'search_words'")
    return connection.execute(named).first() is not None


def advance(connection: Connection, limit: int, *, words: bool) -> Progress:
    """Takes the next ``limit`` events in. ``words``: False where only the facts can be kept."""
    at = int(connection.execute(select(t.search_progress.c.event_id)).scalar_one())
    last = int(connection.execute(select(func.max(t.events.c.id))).scalar_one() or 0)
    end = min(at + limit, last)
    if end <= at:
        return Progress(at, last)
    column = t.events.c
    query = select(column.group_id, column.seq, column.kind, column.body)
    within = (column.id > at, column.id <= end, column.kind.in_(KINDS), column.group_id != HOUSE)
    rows = connection.execute(query.where(*within)).all()
    _take(connection, rows, words=words)
    connection.execute(update(t.search_progress).values(event_id=end))
    return Progress(end, last)


def _take(connection: Connection, rows: Sequence[Row[Any, Any, Any, Any]], *, words: bool) -> None:
    numbers = _numbers(connection, {row.group_id: None for row in rows})
    facts: dict[tuple[str, Fact], None] = {}
    docs: list[tuple[int, str]] = []
    for row in rows:
        try:
            event = ev.decode(row.kind, row.body)
        except msgspec.DecodeError as error:  # the audit tells of it; the search must not stand still there
            log.warning("event %s of %s cannot be searched: %s", row.seq, row.group_id, error)
            continue
        own = f"{row.group_id}-"  # a conductor's words to its sub-agents are no person's
        facts.update({(row.group_id, fact): None for fact in facts_of(event) if not fact.value.startswith(own)})
        for part, said in enumerate(parts(joined(texts_of(event))) if words else ()):
            docs.append((Place(numbers[row.group_id], row.seq, part).packed, said))
    _write_facts(connection, list(facts))
    _write_words(connection, sorted(docs))


def _numbers(connection: Connection, groups: dict[str, None]) -> dict[str, int]:
    """The groups' numbers, in the order in which they were made; new ones get the next."""
    column = t.search_groups.c
    found = connection.execute(select(t.search_groups).where(column.group_id.in_(groups))).all()
    numbers = {row.group_id: row.number for row in found}
    fresh = [group for group in groups if group not in numbers]
    if fresh:
        first = int(connection.execute(select(func.max(column.number))).scalar_one() or 0) + 1
        made = [{"group_id": group, "number": number} for number, group in enumerate(fresh, first)]
        connection.execute(insert(t.search_groups), made)
        numbers.update({row["group_id"]: row["number"] for row in made})
    return numbers


def _write_facts(connection: Connection, facts: Sequence[tuple[str, Fact]]) -> None:
    if facts:
        made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        rows = [{"group_id": group, "kind": fact.kind, "value": key(fact.value)} for group, fact in facts if fact.value]
        if rows:
            connection.execute(made(t.search_facts).on_conflict_do_nothing(), rows)


def _write_words(connection: Connection, docs: Sequence[tuple[int, str]]) -> None:
    """In the order of their places: one that comes out of order costs a segment of its own."""
    if not docs:
        return
    if connection.dialect.name == "postgresql":
        write = text("INSERT INTO search_words (id, words) VALUES (:id, CAST(:words AS tsvector))")
        connection.execute(write, [{"id": place, "words": tsvector(said)} for place, said in docs])
    else:
        write_words = "INSERT INTO search_words (rowid, words) VALUES (?, ?)"
        connection.exec_driver_sql(write_words, [(place, spaced(said)) for place, said in docs])
