"""The one writer: commits a whole batch as one transaction, and stops for good when the database fails.

Group commit is the design's main saving: one transaction and one wake-up for everything that waits makes
``synchronous=FULL`` as cheap as no synchronisation at all.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, bindparam, update

from clawgroups.errors import LedgerStopped
from clawgroups.ids import now_ms
from clawgroups.ledger import tables as t
from clawgroups.ledger.faults import BadRow, fault_of
from clawgroups.ledger.mirror import GroupCommit, Rows, rows_of
from clawgroups.ledger.statements import Statements
from clawgroups.ledger.transactions import Transactions

__all__ = ["GroupCommit", "Writer"]
log = logging.getLogger("clawgroups.ledger")

_BEAT = update(t.owner).where(t.owner.c.id == 1, t.owner.c.token == bindparam("p_token"))


class Writer:
    """Owns the only connection that writes. ``stopped`` says why nothing can be written any more."""

    def __init__(self, transactions: Transactions, token: str) -> None:
        self._transactions = transactions
        self.token = token
        self._statements = Statements(transactions.dialect)
        self.stopped = ""

    async def commit(self, commits: Sequence[GroupCommit]) -> None:
        """Writes all events and mirrors in one transaction.

        Raises BadRow when a row does not fit (nothing was written; split the batch), LedgerStopped when the
        database failed (nothing of this batch was written, nothing will be any more).
        """
        if self.stopped:
            raise LedgerStopped(self.stopped)
        try:
            rows = rows_of(commits)
            await self._transactions.run(partial(self._write, rows=rows))
        except Exception as error:
            fault = fault_of(error)
            if not isinstance(fault, BadRow) and not self.stopped:
                self.stopped = fault.sentence
                log.error("the ledger stopped: %s", fault.sentence, extra={"action": "ledger_stopped"})
            raise fault from error

    def _write(self, connection: Connection, *, rows: Rows) -> None:
        done = connection.execute(_BEAT, {"p_token": self.token, "beat_at": now_ms()})
        if done.rowcount != 1:
            raise LedgerStopped("Another server has taken this database over.")
        self._statements.run(connection, rows)
