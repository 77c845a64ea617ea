"""A ledger filled with the seed's groups, and its search brought up to the record."""

from __future__ import annotations

from functools import partial

from clawgroups.ledger.history import Filters, History
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.search_index import Progress, advance, prepare
from clawgroups.ledger.search_words import parse
from clawgroups.testing.seed import seed

NOW = 1_790_000_000_000


async def indexed(ledger: Ledger, batch: int = 97) -> Progress:
    """Everything that is in the record is in the search afterwards."""
    words = await ledger.writer.beside(prepare)
    while True:
        progress = await ledger.writer.beside(partial(advance, limit=batch, words=words))
        if not progress.behind:
            return progress


async def seeded(ledger: Ledger) -> None:
    """The seed's groups, indexed."""
    await seed(ledger.writer, NOW)
    await indexed(ledger)


async def fill(url: str) -> None:
    """The same for a database that nobody has open."""
    ledger = await Ledger.open(url)
    await seeded(ledger)
    await ledger.close()


async def found(ledger: Ledger, query: str = "", **filters: object) -> list[str]:
    """The ids of all groups that fit, newest first, read page by page."""
    ids: list[str] = []
    cursor = ""
    while True:
        page = await History(ledger.reader).page(Filters(terms=parse(query), **filters), cursor, 2)  # type: ignore[arg-type]
        ids += [run.group.id for run in page.runs]
        cursor = page.next
        if not cursor:
            return ids
