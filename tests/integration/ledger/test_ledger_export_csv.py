"""A group's steps, calls and requests as CSV: all of them, as they are on record, whatever the size and the words."""

from __future__ import annotations

import csv
import io
import tracemalloc

import pytest
from search_rig import NOW

from clawgroups.errors import NotFound
from clawgroups.group.commands import StartGroup
from clawgroups.group.state import RequestKind
from clawgroups.ledger import export
from clawgroups.ledger.ledger import Ledger
from clawgroups.testing.long_group import LongGroup
from clawgroups.testing.played_group import PlayedGroup, call
from clawgroups.testing.seed import created
from clawgroups.testing.seed_words import Told

FORMULA = '=HYPERLINK("http://x","here")'


async def table(ledger: Ledger, group: str, what: str) -> list[dict[str, str]]:
    text = "".join([part async for part in export.export_csv(ledger.reader, group, what)])
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("size", [1, 7, 200])
async def test_every_step_call_and_request_is_in_its_table_once(
    shared: Ledger, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(export, "ROWS", size)
    group = await shared.reader.load_group("seedend3")
    steps, calls, requests = [await table(shared, "seedend3", what) for what in ("steps", "calls", "requests")]
    wanted_steps, wanted_calls = [], []
    for agent in group.agents.values():
        wanted_steps += [(agent.id, str(row["step"])) for row in await shared.reader.steps(agent.id)]
        wanted_calls += [(agent.id, str(row["step"]), row["call_id"]) for row in await shared.reader.calls(agent.id)]
    assert [(row["agent"], row["step"]) for row in steps] == wanted_steps
    assert [(row["agent"], row["step"], row["call"]) for row in calls] == wanted_calls
    assert [row["request"] for row in requests] == [
        r["id"] for r in await shared.reader.requests("seedend3", state="closed")
    ]
    assert len(wanted_steps) > 30
    thread = {entry.seq: entry for agent in group.agents for entry in await shared.reader.transcript(agent)}
    said = [entry.content for entry in thread.values() if entry.role == "assistant" and not entry.unfinished]
    assert sorted(row["said"] for row in steps) == sorted(said)
    results = [entry.content for entry in thread.values() if entry.role == "tool"]
    assert sorted(row["result"] for row in calls) == sorted(results)
    assert {row["arguments"] for row in calls if row["tool"] == "read_file"} == {'{"path": "src/client.py"}'}
    assert [(row["decision"], row["by"], row["answer"]) for row in requests] == [("approve", "ann", "")]


async def test_words_of_models_are_no_formulas_and_come_back_as_they_were(ledger: Ledger) -> None:
    played = created(PlayedGroup("hostile", NOW), Told("h", "g"))
    played.tell(StartGroup())
    played.launch("hostile-1")
    words = f'{FORMULA}\r\nsecond line, "quoted"; 退款 🚀'
    played.turn("hostile-1", words, call("read_file", 1, ask=True, path="x"))
    played.answer("hostile-1", RequestKind.APPROVAL, "approve", "pat")
    played.results("hostile-1", "@SUM(A1)")
    await played.write(ledger.writer)
    (step,) = await table(ledger, "hostile", "steps")
    assert step["said"] == f"'{words}"
    assert step["cost_usd"] == "0.004"
    (made,) = await table(ledger, "hostile", "calls")
    assert (made["result"], made["arguments"], made["fate"]) == ("'@SUM(A1)", '{"path": "x"}', "done")


async def test_a_call_that_is_still_open_is_in_the_table(shared: Ledger) -> None:
    calls = await table(shared, "seedbusy", "calls")
    still = [row for row in calls if row["status"] == "asking"]
    assert len(still) == 7
    assert {(row["fate"], row["closed_at"], row["result"]) for row in still} == {("", "", "")}


async def test_a_long_table_takes_a_page_of_memory(ledger: Ledger) -> None:
    await LongGroup("longcsv", 20, 500).write(ledger.writer)
    tracemalloc.start()
    lines = size = 0
    async for part in export.export_csv(ledger.reader, "longcsv", "steps"):
        lines += part.count("\r\n")
        size += len(part)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines == 1 + 20 * 500 + 1  # the head, all steps, and the conductor's
    assert size > 2_500_000
    assert peak < 2_000_000


async def test_what_is_written_meanwhile_is_not_in_an_export_that_has_begun(ledger: Ledger) -> None:
    played = created(PlayedGroup("moving", NOW), Told("m", "g"))
    played.tell(StartGroup())
    played.launch("moving-1")
    played.turn("moving-1", "first", call("read_file", 1, path="x"))
    played.results("moving-1", "r")
    await played.write(ledger.writer)
    rows = export.export_csv(ledger.reader, "moving", "steps")
    await anext(rows)
    played.turn("moving-1", "second", call("read_file", 2, path="x"))
    await played.write(ledger.writer)
    rest = "".join([part async for part in rows])
    assert "first" in rest
    assert "second" not in rest


@pytest.mark.parametrize("what", sorted(export.TABLES))
async def test_an_unknown_group_has_no_table(ledger: Ledger, what: str) -> None:
    with pytest.raises(NotFound, match="no group nobody"):
        await anext(export.export_csv(ledger.reader, "nobody", what))
