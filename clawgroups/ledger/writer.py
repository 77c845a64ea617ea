"""The one writer: commits a whole batch as one transaction, and stops for good when the database fails.

Group commit is the design's main saving: one transaction and one wake-up for everything that waits makes
``synchronous=FULL`` as cheap as no synchronisation at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, bindparam, update

from clawgroups.errors import LedgerError, LedgerStopped
from clawgroups.ids import now_ms
from clawgroups.ledger import tables as t
from clawgroups.ledger.faults import BadRow, fault_of
from clawgroups.ledger.mirror import GroupCommit, rows_of
from clawgroups.ledger.rows import Rows
from clawgroups.ledger.statements import Statements
from clawgroups.ledger.transactions import Transactions

__all__ = ["GroupCommit", "Writer"]
log = logging.getLogger("clawgroups.ledger")

_BEAT = update(t.owner).where(t.owner.c.id == 1, t.owner.c.token == bindparam("p_token"))


class Writer:
    """Owns the only connection that writes. ``stopped``: why nothing can be written any more; ``hint``: what to do."""

    def __init__(self, transactions: Transactions, token: str) -> None:
        self._transactions = transactions
        self.token = token
        self._statements = Statements(transactions.dialect)
        self.stopped = ""
        self.hint = ""
        self._last: dict[str, int] = {}  # the last event of each group that was written here

    async def commit(self, commits: Sequence[GroupCommit]) -> None:
        """Writes all events and mirrors in one transaction.

        Raises BadRow when a row does not fit (nothing was written; split the batch), LedgerStopped when the
        database failed: nothing is acknowledged and nothing will be written any more. Where the database went away
        during the commit itself, the batch may yet be there, so nobody tries again; a restart reads what is true.
        """
        if self.stopped:
            raise LedgerStopped(self.stopped, hint=self.hint)
        rows = self._rows_of(commits)
        try:
            await self._transactions.run(partial(self._write, rows=rows))
        except asyncio.CancelledError:
            self._stop(LedgerStopped("A commit was given up half-way; what became of it is not known."))
            raise
        except Exception as error:
            fault = fault_of(error)
            if not isinstance(fault, BadRow):
                self._stop(fault)
            raise fault from error
        self._last.update({commit.after.id: commit.after.seq for commit in commits})

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

    def _write(self, connection: Connection, *, rows: Rows) -> None:
        done = connection.execute(_BEAT, {"p_token": self.token, "beat_at": now_ms()})
        if done.rowcount != 1:
            raise LedgerStopped("Another server has taken this database over.")
        self._statements.run(connection, rows)
