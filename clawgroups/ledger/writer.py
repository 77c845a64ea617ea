"""The one writer: commits a whole batch as one transaction, and stops for good when the database fails.

Group commit is the design's main saving: one transaction and one wake-up for everything that waits makes
``synchronous=FULL`` as cheap as no synchronisation at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import ClauseElement, Connection, bindparam, literal_column, select, update
from sqlalchemy.engine import Dialect

from clawgroups.errors import LedgerError, LedgerStopped
from clawgroups.ids import now_ms
from clawgroups.ledger import tables as t
from clawgroups.ledger.batches import Batch, Sql, Store, check_fence
from clawgroups.ledger.faults import BadRow, fault_of
from clawgroups.ledger.mirror import GroupCommit, rows_of
from clawgroups.ledger.rows import Rows
from clawgroups.ledger.statements import Statements
from clawgroups.ledger.transactions import Transactions

__all__ = ["GroupCommit", "Writer"]
log = logging.getLogger("clawgroups.ledger")
T = TypeVar("T")

_BEAT = (
    update(t.owner)
    .where(t.owner.c.id == literal_column("1"), t.owner.c.token == bindparam("p_token"))
    .values(beat_at=bindparam("p_beat_at"))
)
_PROOF = select(t.events.c.seq).where(t.events.c.group_id == bindparam("p_group"), t.events.c.seq == bindparam("p_seq"))


class Writer:
    """Has everything written by one store. ``stopped``: why nothing can be written any more; ``hint``: what to do."""

    def __init__(self, store: Store, aside: Transactions, token: str) -> None:
        self._store = store
        self._aside = aside
        self.token = token
        self._statements = Statements(store.dialect)
        self._beat = _text(_BEAT, store.dialect)
        self._proof = _text(_PROOF, store.dialect)
        self.stopped = ""
        self.hint = ""
        self._last: dict[str, int] = {}  # the last event of each group that was written here

    async def commit(self, commits: Sequence[GroupCommit]) -> None:
        """Writes all events and mirrors in one transaction.

        Raises BadRow when a row does not fit (nothing was written; split the batch), LedgerStopped when the
        database failed: nothing is acknowledged and nothing will be written any more. Where the database went away
        during the commit itself, the batch may yet be there, so nobody tries again; a restart reads what is true.
        """
        await self.begin(commits)

    def begin(self, commits: Sequence[GroupCommit]) -> Awaitable[None]:
        """``commit``, which is under way when this returns. One at a time: the last one must have been awaited."""
        try:
            if self.stopped:
                raise LedgerStopped(self.stopped, hint=self.hint)
            batch = self._batch_of(commits)
        except LedgerError as error:
            refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            refused.set_exception(error)
            return refused
        return self._end(self._store.write(batch), commits)

    async def _end(self, writing: Awaitable[None], commits: Sequence[GroupCommit]) -> None:
        try:
            await writing
        except asyncio.CancelledError:
            self._stop(LedgerStopped("A commit was given up half-way; what became of it is not known."))
            raise
        except Exception as error:
            fault = fault_of(error)
            if not isinstance(fault, BadRow):
                self._stop(fault)
            raise fault from error
        self._last.update({commit.after.id: commit.after.seq for commit in commits})

    async def beside(self, work: Callable[[Connection], T]) -> T:
        """A small transaction of its own, for tables that are no part of any group's record.

        Raises BadRow when a row does not fit, LedgerStopped when nothing can be written. A failure here stops nothing
        else: no state in memory stands on it, and a database that is really gone stops the next commit.
        """
        if self.stopped:
            raise LedgerStopped(self.stopped, hint=self.hint)
        try:
            return await self._aside.run(partial(self._fenced, work=work))
        except Exception as error:
            raise fault_of(error) from error

    def _fenced(self, connection: Connection, *, work: Callable[[Connection], T]) -> T:
        check_fence(connection, self._fence())
        return work(connection)

    def _fence(self) -> Sql:
        return self._beat, (now_ms(), self.token)

    def _batch_of(self, commits: Sequence[GroupCommit]) -> Batch:
        statements = self._statements.of(self._rows_of(commits))
        last = commits[-1].after
        return Batch(self._fence(), statements, (self._proof, (last.id, last.seq)))

    def _rows_of(self, commits: Sequence[GroupCommit]) -> Rows:
        """Raises BadRow, whatever is wrong: nothing has touched the database yet."""
        last: dict[str, int] = {}
        for commit in commits:
            group, begin = commit.after.id, commit.after.seq - len(commit.records)
            known = last.get(group, self._last.get(group, begin))
            if begin != known:
                raise BadRow(f"Event {begin + 1} of group {group} does not follow event {known}.")
            last[group] = commit.after.seq
        try:
            return rows_of(commits)
        except BadRow:
            raise
        except Exception as error:
            raise BadRow(f"A batch cannot be put into rows: {error!r}.") from error

    def _stop(self, fault: LedgerError) -> None:
        if not self.stopped:
            self.stopped, self.hint = fault.sentence, fault.hint
            log.error("the ledger stopped: %s", fault.sentence, extra={"action": "ledger_stopped"})


def _text(statement: ClauseElement, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))
