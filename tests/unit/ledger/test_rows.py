"""However a history is cut into batches, the same rows come of it; what cannot be kept is told before it is tried."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from clawgroups.group.thread import Usage
from clawgroups.ledger.faults import BadRow
from clawgroups.ledger.mirror import GroupCommit, rows_of
from clawgroups.ledger.replica import Replica
from clawgroups.ledger.rows import Rows
from tests.unit.ledger.ledger_history import History, commits_of


def calls_after(commits: list[GroupCommit]) -> dict[tuple[str, int, str], dict[str, object]]:
    """The rows of tool calls, as a database would have them after these batches."""
    table: dict[tuple[str, int, str], dict[str, object]] = {}
    for commit in commits:
        rows: Rows = rows_of([commit])
        for row in rows.calls.values():
            table[row["agent_id"], row["step"], row["call_id"]] = dict(row)
        for change in rows.calls_changed.values():
            table[change["p_agent"], change["p_step"], change["p_call"]].update(
                {name: value for name, value in change.items() if not name.startswith("p_")}
            )
    return table


@pytest.mark.parametrize("seed", [*range(6), 7, 8])
def test_batches_of_any_size_lead_to_the_same_calls(seed: int) -> None:
    events = History(seed).play(400).world.events
    one_by_one = calls_after(list(commits_of(events, 1, random.Random(0))))
    assert len(one_by_one) > 20
    for largest in (3, 20, 10_000):
        assert calls_after(list(commits_of(events, largest, random.Random(seed)))) == one_by_one


def test_a_replica_made_event_by_event_holds_what_one_batch_of_everything_holds() -> None:
    events = History(5).play(300).world.events
    replica = Replica()
    for commit in commits_of(events, 1, random.Random(0)):
        replica.apply(commit.after, commit.records[0])
    rows = rows_of([GroupCommit(commit.after, events)])
    told = ("state", "assigned_to", "assigned_at")
    assert {row["id"]: [row[name] for name in told] for row in rows.requests.values()} == {
        key[0]: [row[name] for name in told] for key, row in replica.whole["requests"].items()
    }
    assert any(row["assigned_to"] for row in rows.requests.values()), "nobody had any request"
    assert {row["ref"]: row["delivered_at"] for row in rows.messages.values() if row["ref"]} == {
        row["ref"]: row["delivered_at"] for row in replica.whole["messages"].values() if row["ref"]
    }


def test_a_batch_with_a_gap_in_its_numbers_is_refused() -> None:
    history = History(3).play(60)
    events = list(history.world.events)
    del events[10]
    with pytest.raises(BadRow, match="stands where event"):
        rows_of([GroupCommit(history.world.group, events)])
    swapped = [*history.world.events]
    swapped[4], swapped[5] = swapped[5], swapped[4]
    with pytest.raises(BadRow, match="stands where event"):
        rows_of([GroupCommit(history.world.group, swapped)])


def test_a_cost_that_is_no_number_is_refused() -> None:
    history = History(3).play(60)
    events = list(history.world.events)
    at = next(i for i, recorded in enumerate(events) if recorded.kind == "step_committed")
    events[at] = replace(events[at], event=replace(events[at].event, usage=Usage(cost=float("inf"))))
    with pytest.raises(BadRow, match="no number that can be kept"):
        rows_of([GroupCommit(history.world.group, events)])
