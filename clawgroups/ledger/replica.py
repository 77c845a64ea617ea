"""What the mirrors must hold: the record applied event by event to tables in memory, to compare the real ones with.

The writer gathers many events into one transaction; here each is taken alone, so that a slip in the gathering shows.
Steps and calls are handed out as soon as nothing can change them, so that a long record does not fill the memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table

from clawgroups.group import events as ev
from clawgroups.group.state import Group
from clawgroups.ledger import tables as t
from clawgroups.ledger.mirror import GroupCommit, rows_of
from clawgroups.ledger.rows import Row
from clawgroups.ledger.words import LARGEST

Key = tuple[Any, ...]
BY_AGENT = (t.steps, t.tool_calls, t.snapshots)  # long ones
WHOLE = (t.groups, t.agents, t.agent_tasks, t.requests, t.messages, t.attachments, t.artifacts, t.usage)
_KEYS: dict[str, tuple[str, ...]] = {"steps": ("agent_id", "step")} | {
    table.name: tuple(column.name for column in table.primary_key) for table in (*WHOLE, t.tool_calls, t.snapshots)
}


class Replica:
    """The expected rows: ``whole`` by table, ``of_agent`` by sub-agent and table."""

    def __init__(self) -> None:
        self.whole: dict[str, dict[Key, Row]] = {table.name: {} for table in WHOLE}
        self.of_agent: dict[str, dict[str, dict[Key, Row]]] = {}
        self._steers: dict[str, Row] = {}

    def apply(self, after: Group, recorded: ev.Recorded) -> None:
        """Adds what one event, whose state afterwards is ``after``, leads to."""
        rows = rows_of([GroupCommit(after, (recorded,))])
        for table, made in (
            (t.groups, rows.groups),
            (t.agents, [row._asdict() for row in rows.agents]),
            (t.agent_tasks, rows.tasks),
            (t.requests, rows.requests.values()),
            (t.messages, rows.messages.values()),
            (t.attachments, rows.attachments.values()),
            (t.artifacts, rows.artifacts.values()),
        ):
            self.whole[table.name].update({key_of(table, row): row for row in made})
        self._steers.update({row["ref"]: row for row in rows.messages.values() if row["ref"]})
        self._add_usage(rows.usage.values())
        for change in (*rows.requests_closed, *rows.requests_assigned.values()):
            self.whole["requests"][(change["p_id"],)].update(_columns(change))
        for change in rows.delivered:
            self._steers[change["p_ref"]].update(_columns(change))
        steps = [row._asdict() for row in rows.steps]
        for table, long in ((t.steps, steps), (t.tool_calls, rows.calls.values()), (t.snapshots, rows.snapshots)):
            for row in long:
                self.of(row["agent_id"], table)[key_of(table, row)] = row
        for change in rows.calls_changed.values():
            calls = self.of(change["p_agent"], t.tool_calls)
            calls[change["p_agent"], change["p_step"], change["p_call"]].update(_columns(change))

    def of(self, agent: str, table: Table) -> dict[Key, Row]:
        """The expected rows of a sub-agent that were not handed out yet."""
        tables = self.of_agent.setdefault(agent, {table.name: {} for table in BY_AGENT})
        return tables[table.name]

    def hand_out(self, agent: str, table: Table, before: int) -> dict[Key, Row]:
        """Takes out the rows whose place (step or number) is under ``before``."""
        pending = self.of(agent, table)
        done = {key: row for key, row in pending.items() if key[1] < before}
        for key in done:
            del pending[key]
        return done

    def _add_usage(self, made: Iterable[Row]) -> None:
        for row in made:
            known = self.whole["usage"].setdefault(key_of(t.usage, row), row)
            if known is not row:
                known["cost"] += row["cost"]
                for name in ("steps", "tokens_in", "tokens_out", "cached"):
                    known[name] = min(LARGEST, known[name] + row[name])


def key_of(table: Table, row: Mapping[str, Any]) -> Key:
    """What tells a row from the others of its table."""
    return tuple(row[name] for name in _KEYS[table.name])


def compare(table: Table, expected: Mapping[Key, Row], found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Sentences about rows that are missing, too many or different."""
    problems = []
    left = dict(expected)
    for row in found:
        key = key_of(table, row)
        wanted = left.pop(key, None)
        if wanted is None:
            problems.append(f"{table.name}: {_named(key)} is not in the record")
            continue
        problems += [
            f"{table.name}: {_named(key)} has {name} {row[name]!r}, the record says {value!r}"
            for name, value in wanted.items()
            if name != "state" and not _same(row[name], value)
        ] + _state(table, key, row, wanted)
    return problems + [f"{table.name}: {_named(key)} is missing" for key in left]


def _state(table: Table, key: Key, row: Mapping[str, Any], wanted: Row) -> list[str]:
    """A request's state is a word; a group's and a sub-agent's are summaries, which the audit compares as such."""
    if table is not t.requests or row["state"] == wanted["state"]:
        return []
    return [f"requests: {_named(key)} has state {row['state']!r}, the record says {wanted['state']!r}"]


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, (int, float)):
        return math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-12)  # a batch adds up in another order
    return bool(found == wanted)


def _columns(change: Row) -> Row:
    return {name: value for name, value in change.items() if not name.startswith("p_")}


def _named(key: Key) -> str:
    return " ".join(str(part) for part in key)
