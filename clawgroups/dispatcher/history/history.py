"""History for people: runs with who took part in them, and where the words that were asked for stand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clawgroups.dispatcher.views import group_view
from clawgroups.errors import NotFound
from clawgroups.group.state import AgentStatus, Group
from clawgroups.ledger.history import Filters, History, Run, after_of
from clawgroups.ledger.search import Hit, Search

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

FIRST_HITS = 3
SEARCHES = 2  # at once: one that is slow must not keep the other readers of the ledger waiting
Json = dict[str, Any]


class Histories:
    """Reads the ledger; of a group in memory its present state is shown, which is the same."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._reader = dispatcher.ledger.reader
        self._history = History(self._reader)
        self._searches = asyncio.Semaphore(SEARCHES)

    async def page(self, filters: Filters, cursor: str, limit: int) -> Json:
        """Runs, newest first. Raises Invalid for a bad cursor, NotFound where words cannot be searched."""
        if filters.terms:
            self._check_words()
            async with self._searches:
                return await self._page(filters, cursor, limit)
        return await self._page(filters, cursor, limit)

    async def _page(self, filters: Filters, cursor: str, limit: int) -> Json:
        found = await self._history.page(filters, cursor, limit)
        runs = [self._view(run) for run in found.runs]
        if filters.terms:
            for run, view in zip(found.runs, runs, strict=True):
                view.update(await self._first_hits(run, filters))
        return {"runs": runs, "next": found.next or None, "search": self._dispatcher.indexer.status()}

    async def hits(self, group_id: str, filters: Filters, cursor: str, limit: int) -> Json:
        """More places in one group where the words stand."""
        self._check_words()
        group = await self._dispatcher.group(group_id)
        number = await self._history.number(group_id)
        async with self._searches:
            return await self._hits(group, number, filters, after_of(cursor, number), limit)

    async def choices(self) -> Json:
        """What the filters can be set to, each with its name."""
        found = await self._history.choices()
        names = self._dispatcher.house_members()
        named = {
            kind: [{"id": value, "name": names[value].name if value in names else value} for value in values]
            for kind, values in found.items()
        }
        return {**named, "search": self._dispatcher.indexer.status()}

    def _check_words(self) -> None:
        status = self._dispatcher.indexer.status()
        if not status["words"]:
            raise NotFound(
                status["problem"], hint="Use a Python whose SQLite has FTS5, or PostgreSQL.", code="no_search"
            )

    async def _first_hits(self, run: Run, filters: Filters) -> Json:
        """Some places, or the one that is known where more cost too much for a whole page of runs."""
        if not run.first:
            return await self._hits(run.group, run.number, filters, 0)
        found = await Search(self._reader).hits_at(run.group.id, [run.first], filters.terms)
        return await self._views(run.group, found) | {"more_hits": str(run.first)}

    async def _views(self, group: Group, found: Sequence[Hit]) -> Json:
        names = await self._history.agent_names(sorted({hit.agent for hit in found if hit.agent}))
        return {"hits": [hit_view(group, hit, names) for hit in found]}

    async def _hits(self, group: Group, number: int, filters: Filters, after: int, limit: int = FIRST_HITS) -> Json:
        search = Search(self._reader)
        found = await search.hits(group.id, number, filters.terms, after=after, limit=limit + 1) if number else []
        shown = found[:limit]
        return await self._views(group, shown) | {"more_hits": str(shown[-1].place) if len(found) > limit else None}

    def _view(self, run: Run) -> Json:
        group = run.group
        view = counted_view(run)
        conductor = group.members.get(group.conductor)
        return {
            **view,
            "conductor_name": conductor.name if conductor else group.conductor,
            "conductor_kind": conductor.kind.value if conductor else "",
            "agents": sum(run.counts.values()),
            "people": _people(run),
        }


def counted_view(run: Run) -> Json:
    """A run as ``group_view`` shows groups, though of its sub-agents only the root was read."""
    counts = {status.value: run.counts.get(status.value, 0) for status in AgentStatus}
    return {**group_view(run.group), "counts": counts}


def _people(run: Run) -> list[Json]:
    made: dict[str, Json] = {}
    for fact in run.facts:
        member = run.group.members.get(fact.value)
        person = made.setdefault(
            fact.value, {"id": fact.value, "name": member.name if member else fact.value, "did": []}
        )
        person["did"].append(fact.kind)
    return list(made.values())


def hit_view(group: Group, hit: Hit, names: dict[str, str]) -> Json:
    """A place where words stand, and whose they are."""
    member = group.members.get(hit.by)
    return {
        "agent": hit.agent or None,
        "agent_name": names.get(hit.agent, hit.agent),
        "seq": hit.seq,
        "step": hit.step,
        "at": hit.at,
        "by": hit.by,
        "by_name": member.name if member else hit.by,
        "what": hit.what,
        "snippet": _pieces(hit.snippet),
    }


def _pieces(pieces: Sequence[Any]) -> list[Json]:
    return [{"text": piece.text, "hit": piece.hit} for piece in pieces]
