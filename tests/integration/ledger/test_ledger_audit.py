"""The audit finds whatever was changed behind the program's back, and nothing where all is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ledger_rig import LIFT_SQLITE, ask, commit_of, founded, judged, written

from clawgroups.errors import LedgerStopped
from clawgroups.group import commands as cmd
from clawgroups.group.members import Member, MemberKind
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.mirror import HOUSE
from tests.unit.group.rule_world import GROUP

SEED = 1


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A SQLite ledger with a long history, without the triggers that would keep damage away."""
    path = tmp_path_factory.mktemp("recorded") / "clawgroups.db"
    with ThreadPoolExecutor(1) as pool:  # a test's own loop may be about to run in this thread
        pool.submit(asyncio.run, _record(path)).result()
    return path.read_bytes()


async def _record(path: Path) -> None:
    ledger = await Ledger.open(f"sqlite:///{path}")
    await written(ledger, SEED, 400)
    assert await ledger.reader.verify(GROUP) == []
    await ledger.close()
    await ask(f"sqlite+aiosqlite:///{path}", *LIFT_SQLITE)


@pytest.fixture
async def damaged(recorded: bytes, tmp_path: Path) -> AsyncIterator[tuple[str, Ledger]]:
    """A copy of it to do harm to."""
    path = tmp_path / "clawgroups.db"
    path.write_bytes(recorded)
    ledger = await Ledger.open(f"sqlite:///{path}")
    yield f"sqlite+aiosqlite:///{path}", ledger
    await ledger.close()


STEP = "SELECT seq FROM events WHERE kind = 'step_committed' ORDER BY seq DESC LIMIT 1"
CLOSED = "SELECT seq FROM events WHERE kind = 'call_closed' ORDER BY seq LIMIT 1"
AGENT = "SELECT agent_id FROM events WHERE seq = (<STEP>)"
DAMAGES = {
    "a missing event": ("DELETE FROM events WHERE seq = 5", "event 5 is missing"),
    "the last event missing": ("DELETE FROM events WHERE seq = (SELECT MAX(seq) FROM events)", "groups: g has seq"),
    "a doubled step": (
        "UPDATE events SET body = json_set(body, '$.step', json_extract(body, '$.step') - 1) WHERE seq = (<STEP>)",
        "follows step",
    ),
    "a falling epoch": (
        "UPDATE events SET body = json_set(body, '$.epoch', 0) WHERE seq ="
        " (SELECT MAX(seq) FROM events WHERE kind = 'taken_over' AND epoch > 1)",
        "falls from",
    ),
    "a step of an old epoch": (
        "UPDATE events SET body = json_set(body, '$.epoch', 0) WHERE seq = (<STEP>)", "was written at epoch 0"
    ),
    "a call that is never closed": (
        "UPDATE events SET kind = 'late_write_kept', body = json_object('kind', 'late_write_kept', 'agent', agent_id,"
        " 'epoch', 1, 'what', 'step') WHERE seq = (<CLOSED>)",
        "leaves calls open",
    ),
    "a call that its sub-agent's end left open": (
        "UPDATE events SET kind = 'late_write_kept', body = json_object('kind', 'late_write_kept', 'agent', agent_id,"
        " 'epoch', 1, 'what', 'step') WHERE seq = (SELECT MAX(e.seq) FROM events e JOIN agents a ON a.id = e.agent_id"
        " WHERE e.kind = 'call_closed' AND a.status IN ('cancelled', 'failed', 'done') AND NOT EXISTS (SELECT 1 FROM"
        " events s WHERE s.agent_id = e.agent_id AND s.seq > e.seq AND s.kind = 'step_committed'))",
        "has ended and left calls open",
    ),
    "a call that is closed twice": (
        "UPDATE events SET body = json_set(body, '$.call', 'other') WHERE seq = (<CLOSED>)",
        "closed twice or was never made",
    ),
    "a body that is no JSON": ("UPDATE events SET body = '{' WHERE seq = 7", "event 7"),
    "an unknown kind": ("UPDATE events SET kind = 'nonsense' WHERE seq = 7", "event 7 (nonsense) cannot be applied"),
    "an absurd time": ("UPDATE events SET at = 9000000000000000000 WHERE seq = (<STEP>)", "cannot be applied"),
    "an event under another name": (
        "UPDATE events SET agent_id = 'g-99' WHERE seq = (<STEP>)", "is filed under g-99"
    ),
    "another epoch beside the event": ("UPDATE events SET epoch = 77 WHERE seq = (<STEP>)", "carries epoch 77"),
    "a changed step": ("UPDATE steps SET tokens_out = 6 WHERE id = 3", "has tokens_out 6"),
    "a missing step": ("DELETE FROM steps WHERE id = 3", "is missing"),
    "a step too many": (
        "INSERT INTO steps SELECT 9999, agent_id, 999, group_id, seq, epoch, by_member, at, finish, 1, 1, 1, 1, ''"
        " FROM steps WHERE agent_id = (<AGENT>) LIMIT 1",
        "is not in the record",
    ),
    "a changed fate": ("UPDATE tool_calls SET fate = 'perhaps' WHERE fate = 'done'", "has fate 'perhaps'"),
    "a lost snapshot": ("DELETE FROM snapshots WHERE seq = (SELECT MAX(seq) FROM snapshots)", "snapshots:"),
    "a changed summary": ("UPDATE agents SET state = json_set(state, '$.cost', 99) WHERE number = 1", "has cost 99"),
    "a changed sub-agent": ("UPDATE agents SET status = 'driving' WHERE number = 1", "agents: g-1 has status"),
    "a missing sub-agent": ("DELETE FROM agents WHERE number = 2", "the summary of sub-agent g-2 is missing"),
    "another group's state": ("UPDATE groups SET state = json_set(state, '$.goal', 'x')", "has goal 'x'"),
    "a changed sum": ("UPDATE usage SET steps = steps + 1", "usage:"),
    "a changed request": ("UPDATE requests SET decision = 'maybe' WHERE state = 'answered'", "has decision 'maybe'"),
    "a request that another person has": ("UPDATE requests SET assigned_to = 'eve'", "has assigned_to 'eve'"),
    "a reopened request": ("UPDATE requests SET state = 'open' WHERE state = 'answered'", "open request"),
    "a lost file": ("DELETE FROM artifacts", "artifacts:"),
    "changed words": ("UPDATE messages SET text = 'other' WHERE kind = 'steer'", "has text 'other'"),
    "another task": ("UPDATE agent_tasks SET task = 'other'", "has task 'other'"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
async def test_the_audit_finds(damaged: tuple[str, Ledger], damage: str) -> None:
    url, ledger = damaged
    statement, sentence = DAMAGES[damage]
    before = await ask(url, "SELECT COUNT(*), SUM(length(body)), SUM(seq) FROM events")
    for name, query in (("<AGENT>", AGENT), ("<STEP>", STEP), ("<CLOSED>", CLOSED)):
        statement = statement.replace(name, query)
    await ask(url, statement)
    problems = await ledger.reader.verify(GROUP)
    assert any(sentence in problem for problem in problems), (problems[:5], before)
    assert len(problems) < 400


async def test_text_that_is_no_text_is_told_as_damage(damaged: tuple[str, Ledger]) -> None:
    url, ledger = damaged
    await ask(url, "UPDATE events SET body = CAST(x'ff80fe' AS TEXT) WHERE seq = 7")
    with pytest.raises(LedgerStopped, match="UTF-8"):
        await ledger.reader.verify(GROUP)


async def test_a_long_history_on_any_database_is_in_order(ledger: Ledger) -> None:
    await written(ledger, 31, 500)
    assert await ledger.reader.verify(GROUP) == []


async def test_the_members_of_the_house_are_mirrored_from_its_founding_on(ledger: Ledger, database_url: str) -> None:
    house = founded(HOUSE)
    await ledger.writer.commit([commit_of(house)])
    assert await ask(database_url, "SELECT id, removed_at FROM members") == [("you", 0)]
    guest = Member(id="guest", name="Guest", kind=MemberKind.PERSON)
    joined = judged(house.group, cmd.AddMember(guest))
    await ledger.writer.commit([commit_of(joined)])
    left = judged(joined.group, cmd.RemoveMember("guest"))
    await ledger.writer.commit([commit_of(left)])
    assert await ledger.reader.verify(HOUSE) == []
    removed = dict(await ask(database_url, "SELECT id, removed_at FROM members"))
    assert removed["you"] == 0
    assert removed["guest"] > 0
    again = judged(left.group, cmd.AddMember(guest))
    await ledger.writer.commit([commit_of(again)])
    assert await ledger.reader.verify(HOUSE) == []
