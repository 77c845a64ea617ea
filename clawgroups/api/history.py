"""Routes of the history: all runs, filtered and searched; more places of one; and its record for other programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from clawgroups.api.deps import House
from clawgroups.api.errors import told
from clawgroups.group.state import GroupStatus
from clawgroups.ledger.export import export_csv, export_events
from clawgroups.ledger.history import Filters
from clawgroups.ledger.search_words import parse

router = APIRouter()
Json = dict[str, Any]
READ = told(404, 422)
Words = Annotated[str, Query(max_length=500, description="All of these words; quotes: side by side; star: any ending.")]
Id = Annotated[str, Query(max_length=400)]
Ms = Annotated[int | None, Query(ge=0, le=2**53, description="ms since 1970 UTC")]
Usd = Annotated[float | None, Query(ge=0, le=1e12, allow_inf_nan=False)]
Cursor = Annotated[str, Query(max_length=120)]


def _filters(
    q: Words = "",
    state: Annotated[list[GroupStatus] | None, Query()] = None,
    member: Id = "",
    person: Id = "",
    did: Literal["", "took_over", "answered", "steered"] = "",
    tool: Id = "",
    after: Ms = None,
    before: Ms = None,
    cost_from: Usd = None,
    cost_to: Usd = None,
) -> Filters:
    terms = parse(q)
    return Filters(
        terms=terms,
        wordless=bool(q.strip()) and not terms,
        states=tuple(one.value for one in state or ()),
        member=member,
        person=person,
        did=did,
        tool=tool,
        after=after,
        before=before,
        cost_from=cost_from,
        cost_to=cost_to,
    )


Asked = Annotated[Filters, Depends(_filters)]


@router.get("/history", responses=READ)
async def history(
    house: House, filters: Asked, cursor: Cursor = "", limit: Annotated[int, Query(ge=1, le=100)] = 25
) -> Json:
    """All runs that fit, newest first; with ``q`` also where its words stand. ``next`` continues, null at the end."""
    return await house.history.page(filters, cursor, limit)


@router.get("/history/choices")
async def choices(house: House) -> Json:
    """What the filters can be set to: tools, members and people that there are in any run."""
    return await house.history.choices()


@router.get("/groups/{group_id}/hits", responses=READ)
async def hits(
    group_id: str, house: House, q: Words, cursor: Cursor = "", limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> Json:
    """Where the words stand in one group, the oldest first; ``more_hits`` is the cursor of the next page."""
    filters = _filters(q)
    if not filters.terms:
        return {"hits": [], "more_hits": None}
    return await house.history.hits(group_id, filters, cursor, limit)


@router.get("/groups/{group_id}/export", responses=READ)
async def export(
    group_id: str,
    house: House,
    format: Literal["jsonl", "csv"] = "jsonl",
    table: Literal["steps", "calls", "requests"] = "steps",
) -> StreamingResponse:
    """The whole record as JSON lines, or a table of it as CSV; streamed, however long it is."""
    await house.group(group_id)
    reader = house.ledger.reader
    if format == "csv":
        name, kind = f"{group_id}-{table}.csv", "text/csv; charset=utf-8"
        return StreamingResponse(export_csv(reader, group_id, table), media_type=kind, headers=_download(name))

    async def lines() -> AsyncIterator[str]:
        async for line in export_events(reader, group_id):
            yield line + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=_download(f"{group_id}.jsonl"))


def _download(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
