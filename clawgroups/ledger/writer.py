"""The one writer: commits a whole batch as one transaction, and stops for good when the database fails.

Group commit is the design's main saving: one transaction and one wake-up for everything that waits makes
``synchronous=FULL`` as cheap as no synchronisation at all.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql import Executable

from clawgroups.errors import LedgerError, LedgerStopped
from clawgroups.ids import now_ms
from clawgroups.ledger import tables as t
from clawgroups.ledger.faults import BadRow, fault_of
from clawgroups.ledger.mirror import GroupCommit, Row, Rows, rows_of

__all__ = ["GroupCommit", "Writer"]
log = logging.getLogger("clawgroups.ledger")


class Writer:
    """Owns the only connection that writes. ``stopped`` says why nothing can be written any more."""

    def __init__(self, engine: AsyncEngine, token: str) -> None:
        self._engine = engine
        self.token = token
        self._statements = _Statements(engine.dialect.name)
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
            async with self._engine.begin() as connection:
                await self._check_owner(connection)
                await self._write(connection, rows)
        except Exception as error:
            fault = fault_of(error) if not isinstance(error, LedgerError) else error
            if not isinstance(fault, BadRow):
                self.stopped = fault.sentence
                log.error("the ledger stopped: %s", fault.sentence, extra={"action": "ledger_stopped"})
            raise fault from error

    async def _check_owner(self, connection: AsyncConnection) -> None:
        done = await connection.execute(self._statements.beat, {"p_token": self.token, "beat_at": now_ms()})
        if done.rowcount != 1:
            raise LedgerStopped("Another server has taken this database over.")

    async def _write(self, connection: AsyncConnection, rows: Rows) -> None:
        s = self._statements
        work: list[tuple[Executable, Sequence[Row]]] = [
            (s.events, rows.events),
            (s.tasks, rows.tasks),
            (s.steps, rows.steps),
            (s.messages, rows.messages),
            (s.groups, _values(rows.groups)),
            (s.agents, _values(rows.agents)),
            (s.calls, _values(rows.calls)),
            (s.calls_closed, rows.calls_closed),
            (s.requests, _values(rows.requests)),
            (s.requests_closed, rows.requests_closed),
            (s.artifacts, _values(rows.artifacts)),
            (s.usage, _values(rows.usage)),
            (s.members, _values(rows.members)),
        ]
        for statement, values in work:
            if values:
                await connection.execute(statement, list(values))


def _values(rows: Mapping[Any, Row]) -> list[Row]:
    return [rows[key] for key in sorted(rows)]


class _Statements:
    """Compiled once and cached by SQLAlchemy; the same text for both dialects."""

    def __init__(self, dialect: str) -> None:
        self._insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        self.events = t.events.insert().inline()
        self.tasks = t.agent_tasks.insert().inline()
        self.steps = t.steps.insert().inline()
        self.messages = t.messages.insert().inline()
        self.groups = self._upsert(t.groups)
        self.agents = self._upsert(t.agents)
        self.calls = self._upsert(t.tool_calls)
        self.requests = self._upsert(t.requests)
        self.artifacts = self._upsert(t.artifacts)
        self.members = self._upsert(t.members)
        self.usage = self._add_up(t.usage, ("steps", "tokens_in", "tokens_out", "cached", "cost"))
        self.beat = update(t.owner).where(t.owner.c.id == 1, t.owner.c.token == bindparam("p_token"))
        self.calls_closed = (
            update(t.tool_calls)
            .where(
                t.tool_calls.c.agent_id == bindparam("p_agent"),
                t.tool_calls.c.call_id == bindparam("p_call"),
                t.tool_calls.c.closed_seq == 0,
            )
            .values(
                status="closed",
                fate=bindparam("fate"),
                closed_seq=bindparam("closed_seq"),
                closed_at=bindparam("closed_at"),
            )
        )
        self.requests_closed = (
            update(t.requests)
            .where(t.requests.c.id == bindparam("p_id"))
            .values({name: bindparam(name) for name in _CLOSED_REQUEST})
        )

    def _upsert(self, table: Table) -> Executable:
        keys = [column.name for column in table.primary_key]
        insert = self._insert(table)
        changed = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in keys}
        return insert.on_conflict_do_update(index_elements=keys, set_=changed)

    def _add_up(self, table: Table, sums: tuple[str, ...]) -> Executable:
        keys = [column.name for column in table.primary_key]
        insert = self._insert(table)
        changed = {name: table.c[name] + insert.excluded[name] for name in sums}
        return insert.on_conflict_do_update(index_elements=keys, set_=changed)


_CLOSED_REQUEST = ("state", "answered_at", "decision", "by_member", "answer", "scope")
