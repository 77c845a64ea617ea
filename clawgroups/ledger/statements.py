"""The writer's SQL: made from the tables once, then run as plain text with plain tuples.

Going through SQLAlchemy's compiler on every batch costs more than the database does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, bindparam, func, literal_column, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import ValuesBase

from clawgroups.ledger import tables as t
from clawgroups.ledger.rows import AgentRow, EventRow, Row, Rows, StepRow
from clawgroups.ledger.words import LARGEST

_IMMUTABLE = {
    "agents": {"group_id", "number", "name", "role", "created_at"},
    "groups": {"created_at"},
    "requests": {"group_id", "agent_id"},
}
_CALL = ("status", "fate", "closed_seq", "closed_at")
_REQUEST = ("state", "answered_at", "decision", "by_member", "answer", "scope")
_ASSIGNED = ("assigned_to", "assigned_at")
_USAGE = ("steps", "tokens_in", "tokens_out", "cached", "cost")


Typed = EventRow | StepRow | AgentRow
AnyRow = Row | Typed


class Statement:
    """One SQL text for many rows of one shape: dicts, or ``typed`` tuples in the order of its parameters."""

    def __init__(
        self, made: ValuesBase, columns: Iterable[str] | None, dialect: Dialect, typed: type[Typed] | None = None
    ) -> None:
        compiled = made.compile(dialect=dialect, column_keys=list(columns) if columns is not None else None)
        self.text = str(compiled)
        names = tuple(compiled.positiontup or ())
        if typed is not None and names != typed._fields:
            raise TypeError(f"{typed.__name__} does not have the order of {names}.")
        self._pick: Callable[[Any], tuple[Any, ...]] | None = itemgetter(*names) if typed is None else None

    def values(self, rows: Iterable[AnyRow]) -> list[tuple[Any, ...]]:
        """The rows as the text's parameters."""
        made: list[Any] = [self._pick(row) for row in rows] if self._pick else list(rows)
        return made


class Statements:
    """Everything that a commit runs, in the text of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._insert_into = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        self._work: list[tuple[Statement, Callable[[Rows], Iterable[AnyRow]]]] = [
            (self._insert(t.events, EventRow), lambda rows: rows.events),
            (self._insert(t.steps, StepRow), lambda rows: rows.steps),
            (self._insert(t.agent_tasks), lambda rows: rows.tasks),
            (self._upsert(t.agents, AgentRow), lambda rows: rows.agents),
            (self._upsert(t.groups), lambda rows: rows.groups),
            (self._insert(t.tool_calls), lambda rows: rows.calls.values()),
            (self._change(t.tool_calls, _CALL, agent_id="p_agent", step="p_step", call_id="p_call"), _changed_calls),
            (self._upsert(t.requests), lambda rows: rows.requests.values()),
            (self._change(t.requests, _REQUEST, id="p_id"), lambda rows: rows.requests_closed),
            (self._change(t.requests, _ASSIGNED, id="p_id"), lambda rows: rows.requests_assigned.values()),
            (self._insert(t.messages), lambda rows: rows.messages.values()),
            (self._change(t.messages, ("delivered_at",), ref="p_ref"), lambda rows: rows.delivered),
            (self._upsert(t.attachments), lambda rows: rows.attachments.values()),
            (self._upsert(t.artifacts), lambda rows: rows.artifacts.values()),
            (self._insert(t.snapshots), lambda rows: rows.snapshots),
            (self._add_up(t.usage, _USAGE), lambda rows: rows.usage.values()),
            (self._upsert(t.members), lambda rows: rows.members.values()),
            (self._change(t.members, ("removed_at",), id="p_id"), lambda rows: rows.members_left.values()),
        ]

    def of(self, rows: Rows) -> list[tuple[str, list[tuple[Any, ...]]]]:
        """What has to be run, in order: a text, and its values once for every row."""
        made = ((statement.text, statement.values(pick(rows))) for statement, pick in self._work)
        return [(text, values) for text, values in made if values]

    def _insert(self, table: Table, typed: type[Typed] | None = None) -> Statement:
        columns = [column.name for column in table.columns if column.autoincrement is not True]
        return Statement(table.insert().inline(), columns, self._dialect, typed)

    def _upsert(self, table: Table, typed: type[Typed] | None = None) -> Statement:
        keys = [column.name for column in table.primary_key]
        fixed = _IMMUTABLE.get(table.name, set())
        insert = self._insert_into(table)
        changed = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in keys and c.name not in fixed}
        made = insert.on_conflict_do_update(index_elements=keys, set_=changed)
        return Statement(made, table.columns.keys(), self._dialect, typed)

    def _add_up(self, table: Table, sums: tuple[str, ...]) -> Statement:
        keys = [column.name for column in table.primary_key]
        insert = self._insert_into(table)
        least = func.least if self._dialect.name == "postgresql" else func.min
        added = {name: table.c[name] + insert.excluded[name] for name in sums}
        bounded = {name: least(total, literal_column(str(LARGEST))) for name, total in added.items() if name != "cost"}
        changed = {**added, **bounded}
        made = insert.on_conflict_do_update(index_elements=keys, set_=changed)
        return Statement(made, table.columns.keys(), self._dialect)

    def _change(self, table: Table, columns: tuple[str, ...], **where: str) -> Statement:
        conditions = [table.c[column] == bindparam(name) for column, name in where.items()]
        made = update(table).where(*conditions).values({name: bindparam(name) for name in columns})
        return Statement(made, None, self._dialect)


def _changed_calls(rows: Rows) -> Iterable[Row]:
    return rows.calls_changed.values()
