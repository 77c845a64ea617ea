"""Asks the index of words: which groups hold what a query asks for, and where in a group it stands.

Groups are named by their numbers here, which rise in the order in which the groups were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, TextClause, select, text

from clawgroups.group import events as ev
from clawgroups.ledger import tables as t
from clawgroups.ledger.reader import Reader
from clawgroups.ledger.search_index import GROUP_BITS, Place, Progress
from clawgroups.ledger.search_texts import joined, texts_of, what_at
from clawgroups.ledger.search_words import Piece, Term, first_hit, fts5, parts, snippet, tsquery

CANDIDATES = 200  # groups that are looked at in one go
FAR = 2**62

# From the newest group that holds the words straight to the next: hits within one group are not walked through.
_LEAP = text(f"""
WITH RECURSIVE hit(n) AS (
  SELECT (SELECT rowid FROM search_words WHERE search_words MATCH :words AND rowid < :below
          ORDER BY rowid DESC LIMIT 1) >> {GROUP_BITS}
  UNION ALL
  SELECT (SELECT rowid FROM search_words WHERE search_words MATCH :words AND rowid < (hit.n << {GROUP_BITS})
          ORDER BY rowid DESC LIMIT 1) >> {GROUP_BITS} FROM hit WHERE hit.n IS NOT NULL
) SELECT n, 0 AS first FROM hit WHERE n IS NOT NULL LIMIT :most""")  # noqa: S608 - a number of ours
# A beginning is put together from all words that begin so, anew each time: it is asked for once for all groups.
_WALK = text(f"""
SELECT rowid >> {GROUP_BITS} AS n, min(rowid) AS first FROM search_words
WHERE search_words MATCH :words AND rowid < :below GROUP BY n ORDER BY n DESC LIMIT :most""")  # noqa: S608
_WALK_POSTGRESQL = text(f"""
SELECT id >> {GROUP_BITS} AS n, min(id) AS first FROM search_words
WHERE words @@ CAST(:words AS tsquery) AND id < :below GROUP BY n ORDER BY n DESC LIMIT :most""")  # noqa: S608
_WITHIN = text("""
SELECT rowid AS place FROM search_words
WHERE search_words MATCH :words AND rowid > :above AND rowid < :below ORDER BY rowid LIMIT :most""")
_WITHIN_POSTGRESQL = text("""
SELECT id AS place FROM search_words
WHERE words @@ CAST(:words AS tsquery) AND id > :above AND id < :below ORDER BY id LIMIT :most""")


class Hit(NamedTuple):
    """Where words were found. ``agent`` is empty where they belong to the group; ``place`` continues after it."""

    group: str
    agent: str
    seq: int
    step: int
    at: int
    by: str
    what: str
    snippet: list[Piece]
    place: int


class Search:
    """Asks with the queries of one reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._postgresql = reader.dialect == "postgresql"

    async def progress(self) -> Progress:
        """How far the index has come."""
        known = await self._reader.rows(select(t.search_progress.c.event_id))
        last = await self._reader.rows(text("SELECT max(id) AS id FROM events"))
        return Progress(int(known[0].event_id) if known else 0, int(last[0].id or 0))

    async def groups(self, terms: Sequence[Term], below: int = 0) -> dict[int, int]:
        """The newest groups that hold the words, as numbers, with ``below`` those before that one.

        With each the place of its first hit where that costs nothing, else 0.
        """
        on_sqlite = _WALK if any(term.prefix for term in terms) else _LEAP
        query = _WALK_POSTGRESQL if self._postgresql else on_sqlite
        first = below << GROUP_BITS if below else FAR
        found = await self._ask(query, terms, below=first, most=CANDIDATES)
        return {int(row.n): int(row.first) for row in found}

    async def hits(
        self, group: str, number: int, terms: Sequence[Term], *, after: int = 0, limit: int = 3
    ) -> list[Hit]:
        """Where the words stand in a group, the oldest first, with ``after`` those behind that place."""
        query = _WITHIN_POSTGRESQL if self._postgresql else _WITHIN
        begin, end = number << GROUP_BITS, (number + 1) << GROUP_BITS
        found = await self._ask(query, terms, above=max(begin - 1, after), below=end, most=limit)
        return await self.hits_at(group, [int(row.place) for row in found], terms)

    async def hits_at(self, group: str, packed: Sequence[int], terms: Sequence[Term]) -> list[Hit]:
        """What stands at those places of a group."""
        places = [Place.of(place) for place in packed]
        rows = await self._events(group, places)
        return [await self._hit(group, place, rows[place.seq], terms) for place in places if place.seq in rows]

    async def _ask(self, query: TextClause, terms: Sequence[Term], **values: int) -> Sequence[Row[Any]]:
        words = tsquery(terms) if self._postgresql else fts5(terms)
        return await self._reader.rows(query.bindparams(words=words, **values))

    async def _events(self, group: str, places: Sequence[Place]) -> dict[int, Row[Any]]:
        if not places:
            return {}
        column = t.events.c
        wanted = select(t.events).where(column.group_id == group, column.seq.in_([place.seq for place in places]))
        return {row.seq: row for row in await self._reader.rows(wanted)}

    async def _hit(self, group: str, place: Place, row: Row[Any], terms: Sequence[Term]) -> Hit:
        event = ev.decode(row.kind, row.body)
        texts = texts_of(event)
        pieces = parts(joined(texts))
        said = pieces[place.part] if place.part < len(pieces) else ""
        before = sum(map(len, pieces[: place.part]))
        by = event.by if isinstance(event, ev.StepCommitted) else row.actor
        return Hit(
            group=group,
            agent=row.agent_id,
            seq=row.seq,
            step=await self._step(event, row),
            at=row.at,
            by=by,
            what=what_at(texts, before + first_hit(said, terms)),
            snippet=snippet(said, terms),
            place=place.packed,
        )

    async def _step(self, event: ev.Event, row: Row[Any]) -> int:
        """The step to which an event of a sub-agent belongs; 0 before its first."""
        if isinstance(event, ev.StepCommitted) or not row.agent_id:
            return getattr(event, "step", 0)
        column = t.events.c
        query = select(column.body).where(
            column.agent_id == row.agent_id, column.seq < row.seq, column.kind == "step_committed"
        )
        found = await self._reader.rows(query.order_by(column.seq.desc()).limit(1))
        step = ev.decode("step_committed", found[0].body) if found else None
        return step.step if isinstance(step, ev.StepCommitted) else 0
