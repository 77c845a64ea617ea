"""All runs there ever were, newest first: filtered and searched in SQL, page by page by cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select

from clawgroups.errors import Invalid
from clawgroups.group.state import Agent, Group
from clawgroups.ledger import tables as t
from clawgroups.ledger.mirror import HOUSE
from clawgroups.ledger.reader import Reader
from clawgroups.ledger.search import Search
from clawgroups.ledger.search_index import Place
from clawgroups.ledger.search_words import Term
from clawgroups.ledger.words import clean, key

ROUNDS = 10  # of candidates that one page looks through; a filter that fits few of them goes on with the next page
MOST_CHOICES = 200
_group = msgspec.json.Decoder(Group)
_agent = msgspec.json.Decoder(Agent)


class Filters(Struct, frozen=True, kw_only=True):
    """What a run must be. Times are ms, costs USD; empty or None: whatever.

    ``person`` took part by what ``did`` says: ``took_over``, ``answered``, ``steered``; empty: by any of them.
    """

    terms: tuple[Term, ...] = ()
    wordless: bool = False  # words were asked for, and nothing in them could be looked for, such as a lone quote
    states: tuple[str, ...] = ()
    member: str = ""
    person: str = ""
    did: str = ""
    tool: str = ""
    after: int | None = None
    before: int | None = None
    cost_from: float | None = None
    cost_to: float | None = None


class Fact(NamedTuple):
    """What somebody did in a run."""

    kind: str
    value: str


class Run(NamedTuple):
    """One run: its summary with no sub-agent but the root, how many are in which state, and who took part in it.

    ``number`` is 0 while the search does not know the group yet. ``first``: the place of the first hit, where known.
    """

    group: Group
    counts: dict[str, int]
    facts: list[Fact]
    number: int
    first: int = 0


class Page(NamedTuple):
    """``next`` continues it; empty on the last."""

    runs: list[Run]
    next: str


class History:
    """Asks with the queries of one reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def page(self, filters: Filters, cursor: str = "", limit: int = 25) -> Page:
        """Runs that fit; fewer than ``limit`` may have a ``next`` all the same. Raises Invalid for a bad cursor."""
        if filters.wordless:
            return Page([], "")
        async with self._reader.frozen() as frozen:
            asked = History(frozen)
            firsts: dict[int, int] = {}
            if filters.terms:
                rows, following = await asked._found(filters, cursor, limit, firsts)
            else:
                rows, following = await asked._all(filters, cursor, limit)
            return Page(await asked.runs(rows, firsts), following)

    async def _all(self, filters: Filters, cursor: str, limit: int) -> tuple[Sequence[Row[Any]], str]:
        column = t.groups.c
        query = _select().where(column.id != HOUSE, *_conditions(filters))
        if cursor:
            at, group_id = _place_of(cursor)
            query = query.where(or_(column.created_at < at, and_(column.created_at == at, column.id < group_id)))
        ordered = query.order_by(column.created_at.desc(), column.id.desc()).limit(limit + 1)
        rows = await self._reader.rows(ordered)
        page = rows[:limit]
        return page, f"{page[-1].created_at}.{page[-1].id}" if len(rows) > limit else ""

    async def _found(
        self, filters: Filters, cursor: str, limit: int, firsts: dict[int, int]
    ) -> tuple[Sequence[Row[Any]], str]:
        """``firsts`` gains the places of first hits."""
        search, below = Search(self._reader), _number_of(cursor) if cursor else 0
        rows: list[Row[Any]] = []
        for _ in range(ROUNDS):
            numbers = await search.groups(filters.terms, below)
            if not numbers:
                return rows, ""
            firsts.update(numbers)
            column = t.search_groups.c
            query = _select().where(column.number.in_(numbers), *_conditions(filters))
            rows += await self._reader.rows(query.order_by(column.number.desc()).limit(limit + 1 - len(rows)))
            if len(rows) > limit:
                return rows[:limit], f"n{rows[limit - 1].number}"
            below = min(numbers)
        return rows, f"n{below}"

    async def runs(self, rows: Sequence[Row[Any]], firsts: Mapping[int, int]) -> list[Run]:
        """The runs of those groups' rows, three queries for all of them."""
        groups = [_group.decode(row.state) for row in rows]
        ids = [group.id for group in groups]
        roots = await self._roots([group.root for group in groups if group.root])
        counts, facts = await self._counts(ids), await self._facts(ids)
        return [
            Run(
                replace(group, agents={group.root: roots[group.root]} if group.root in roots else {}),
                counts.get(group.id, {}),
                facts.get(group.id, []),
                int(row.number or 0),
                firsts.get(row.number, 0),
            )
            for group, row in zip(groups, rows, strict=True)
        ]

    async def _roots(self, ids: Sequence[str]) -> dict[str, Agent]:
        found = await self._reader.rows(select(t.agents.c.id, t.agents.c.state).where(t.agents.c.id.in_(ids)))
        return {row.id: _agent.decode(row.state) for row in found}

    async def _counts(self, ids: Sequence[str]) -> dict[str, dict[str, int]]:
        column = t.agents.c
        query = select(column.group_id, column.status, func.count().label("many")).where(column.group_id.in_(ids))
        counts: dict[str, dict[str, int]] = {}
        for row in await self._reader.rows(query.group_by(column.group_id, column.status)):
            counts.setdefault(row.group_id, {})[row.status] = int(row.many)
        return counts

    async def _facts(self, ids: Sequence[str]) -> dict[str, list[Fact]]:
        column = t.search_facts.c
        query = select(t.search_facts).where(column.group_id.in_(ids), column.kind.notin_(("tool", "member")))
        facts: dict[str, list[Fact]] = {}
        for row in await self._reader.rows(query.order_by(column.kind, column.value)):
            facts.setdefault(row.group_id, []).append(Fact(row.kind, row.value))
        return facts

    async def choices(self) -> dict[str, list[str]]:
        """What the filters can be set to: tools, members and people that there are in any run."""
        column = t.search_facts.c
        made: dict[str, list[str]] = {}
        kinds = {"tools": ("tool",), "members": ("member",), "people": ("took_over", "answered", "steered")}
        for name, wanted in kinds.items():
            query = select(column.value).where(column.kind.in_(wanted)).distinct().order_by(column.value)
            made[name] = [row.value for row in await self._reader.rows(query.limit(MOST_CHOICES))]
        return made

    async def agent_names(self, ids: Sequence[str]) -> dict[str, str]:
        """The names of these sub-agents."""
        query = select(t.agents.c.id, t.agents.c.name).where(t.agents.c.id.in_(list(ids)))
        return {row.id: row.name for row in await self._reader.rows(query)}

    async def number(self, group_id: str) -> int:
        """The group's number in the search; 0 while it has none."""
        query = select(t.search_groups.c.number).where(t.search_groups.c.group_id == group_id)
        found = await self._reader.rows(query)
        return int(found[0].number) if found else 0

    async def ended(self, cursor: str = "", limit: int = 60) -> Page:
        """The newest runs that have ended, in the order in which they were made."""
        filters = Filters(states=("finished", "cancelled"))
        return await self.page(filters, cursor, limit)


def _select() -> Select[Any]:
    column = t.groups.c
    query = select(column.id, column.created_at, column.state, t.search_groups.c.number)
    return query.outerjoin_from(t.groups, t.search_groups, t.search_groups.c.group_id == column.id)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    column = t.groups.c
    made: list[ColumnElement[bool]] = []
    if filters.states:
        made.append(column.status.in_(filters.states))
    if filters.tool:
        made.append(_has(("tool",), filters.tool))
    if filters.member:
        made.append(_has(("member",), filters.member))
    if filters.person:
        made.append(_has((filters.did,) if filters.did else ("took_over", "answered", "steered"), filters.person))
    if filters.after is not None:  # it must have been under way within the time
        made.append(or_(column.ended_at == 0, column.ended_at >= filters.after))
    if filters.before is not None:
        made.append(column.created_at < filters.before)
    if filters.cost_from is not None:
        made.append(column.cost >= filters.cost_from)
    if filters.cost_to is not None:
        made.append(column.cost <= filters.cost_to)
    return made


def _has(kinds: tuple[str, ...], value: str) -> ColumnElement[bool]:
    fact = t.search_facts.c
    return exists().where(fact.group_id == t.groups.c.id, fact.kind.in_(kinds), fact.value == key(clean(value)))


def _place_of(cursor: str) -> tuple[int, str]:
    at, _, group_id = cursor.partition(".")
    if not at.isascii() or not at.isdigit() or not group_id or len(at) > 16:
        raise _bad_cursor()
    return int(at), group_id


def _number_of(cursor: str) -> int:
    digits = cursor[1:]
    if cursor[:1] != "n" or not digits.isascii() or not digits.isdigit() or len(digits) > 8:
        raise _bad_cursor()
    return int(digits)


def _bad_cursor() -> Invalid:
    return Invalid("This is no place in the history.", hint="Use the next of an earlier page, with the same filters.")


def after_of(cursor: str, number: int) -> int:
    """The place after which more hits of the group with that number are wanted. Raises Invalid."""
    if not cursor:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 19 or Place.of(int(cursor)).group != number:
        raise _bad_cursor()
    return int(cursor)
