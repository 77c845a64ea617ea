"""A group's record as JSON lines: whole, in order, readable back, whatever its size."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from ledger_rig import commit_of, founded, noted, written

from clawgroups.errors import NotFound
from clawgroups.group import events as ev
from clawgroups.group.evolve import evolve
from clawgroups.group.state import Group
from clawgroups.ledger import export
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.mirror import GroupCommit
from tests.unit.group.rule_world import GROUP


async def test_an_export_is_whole_and_replays_to_the_same_state(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = await written(ledger, 6, 300)
    monkeypatch.setattr(export, "PAGE", 64)  # so that there are many pages
    group, numbers = Group(id=GROUP), []
    async for line in export.export_events(ledger.reader, GROUP):
        assert "\n" not in line
        row = json.loads(line)
        event = ev.decode(row["kind"], json.dumps(row["body"]))
        numbers.append(row["seq"])
        group = evolve(
            group, ev.Recorded(row["seq"], row["at"], row["actor"], row["agent_id"], row["epoch"], row["kind"], event)
        )
    assert numbers == list(range(1, len(history.world.events) + 1))
    loaded = await ledger.reader.load_group(GROUP)
    assert group == loaded


async def test_an_export_ends_with_the_event_that_was_last_when_it_began(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = founded("ends")
    await ledger.writer.commit([commit_of(made)])
    made = noted(made.group, "one more")
    await ledger.writer.commit([commit_of(made)])
    monkeypatch.setattr(export, "PAGE", made.group.seq - 1)  # the last page has room for more
    lines = export.export_events(ledger.reader, "ends")
    first = json.loads(await anext(lines))
    await ledger.writer.commit([commit_of(noted(made.group, "later"))])
    rest = [json.loads(line) async for line in lines]
    assert [row["seq"] for row in [first, *rest]] == list(range(1, made.group.seq + 1))


async def test_an_export_of_forty_megabytes_takes_a_page_of_memory(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = founded("large")
    await ledger.writer.commit([commit_of(made)])
    group, records = made.group, []
    for number in range(400):
        decision = noted(group, f"{number}" + "x" * 100_000)
        group = decision.group
        records += decision.events
    await ledger.writer.commit([GroupCommit(group, records)])
    del records, decision
    monkeypatch.setattr(export, "PAGE", 20)
    tracemalloc.start()
    size = 0
    async for line in export.export_events(ledger.reader, "large"):
        size += len(line)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 40_000_000
    assert peak < 20_000_000


async def test_an_unknown_group_is_not_exported_as_an_empty_one(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="no group nobody"):
        await anext(export.export_events(ledger.reader, "nobody"))
