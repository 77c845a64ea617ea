"""The writer: few transactions for many commands, all or nothing, gap-free, and one bad row spoils only itself."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from ledger_rig import YOU, ask, commit_of, file_of, founded, judged, noted, tables_of, whole
from msgspec.structs import replace

from clawgroups.dispatcher.desk import BATCH, Desk
from clawgroups.errors import ClawError, LedgerStopped, Refused
from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.tools import Policy
from clawgroups.ledger.faults import BadRow
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.mirror import GroupCommit
from clawgroups.ledger.writer import Writer

GROUPS = tuple(f"group{number}" for number in range(5))
IN_THE_WAY = """
INSERT INTO messages (group_id, seq, agent_id, kind, ref, by_member, at, delivered_at, text)
VALUES (:group, 5, '', 'post', '', '', 0, 0, 'mine')
"""


@contextlib.asynccontextmanager
async def running_desk(ledger: Ledger) -> AsyncIterator[Desk]:
    """A desk with five groups, each with a person at its wheel."""
    desk = Desk(ledger.writer, lambda before, decision: None)
    runs = asyncio.get_running_loop().create_task(desk.run())
    for group in GROUPS:
        create = cmd.CreateGroup(group=group, name="n", goal="g", conductor=LOCAL_ADMIN, members=(YOU,))
        await desk.post(group, create, LOCAL_ADMIN)
    yield desk
    desk.close()
    async with asyncio.timeout(20):
        await runs


class Transactions:
    """Counts the transactions that the database really made between two looks."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def count(self) -> int:
        if self._url.startswith("sqlite"):
            return self._commit_frames(file_of(self._url))
        return int((await ask(self._url, "SELECT txid_snapshot_xmax(txid_current_snapshot())"))[0][0])

    @staticmethod
    def _commit_frames(path: Path) -> int:
        """A frame of the log that carries the database's size ends a transaction."""
        log = path.with_name(f"{path.name}-wal").read_bytes()
        size = 24 + struct.unpack(">I", log[8:12])[0]
        salt = log[16:24]
        frames = (log[at : at + 24] for at in range(32, len(log) - size + 1, size))
        return sum(frame[8:16] == salt and frame[4:8] != b"\0\0\0\0" for frame in frames)


async def test_a_thousand_waiting_commands_take_a_handful_of_transactions(ledger: Ledger, database_url: str) -> None:
    transactions = Transactions(database_url)
    async with running_desk(ledger) as desk:
        before = await transactions.count()
        alone = [await desk.post(GROUPS[0], cmd.ChangeRules(f"alone {number}"), LOCAL_ADMIN) for number in range(5)]
        assert len(alone) == 5
        assert await transactions.count() - before >= 5  # the counting counts
        before = await transactions.count()
        posted = [
            desk.post(GROUPS[number % 5], cmd.ChangeRules(f"rules {number}"), LOCAL_ADMIN) for number in range(1_000)
        ]
        await asyncio.gather(*posted)
        made = await transactions.count() - before
    assert 1 <= made <= 2 * (1_000 // BATCH + 1), f"{made} transactions"
    assert [await whole(ledger, group) >= 200 for group in GROUPS] == [True] * 5


async def test_whatever_runs_at_once_each_group_is_numbered_without_gaps_in_the_order_of_the_answers(
    ledger: Ledger,
) -> None:
    answers: dict[str, list[tuple[int, str]]] = {group: [] for group in GROUPS}

    async def post(desk: Desk, writer: int) -> None:
        for number in range(12):
            group = GROUPS[(writer + number) % 5]
            words = f"{writer} {number}"
            decision = await desk.post(group, cmd.ChangeRules(words), LOCAL_ADMIN, urgent=writer % 7 == 0)
            answers[group].append((decision.events[-1].seq, words))

    async with running_desk(ledger) as desk, asyncio.TaskGroup() as tasks:
        for writer in range(40):
            tasks.create_task(post(desk, writer))
    for group, told in answers.items():
        assert told == sorted(told)
        assert await whole(ledger, group) == told[-1][0]
        rules = {
            each.seq: each.event.rules
            async for each in ledger.reader.all_events(group)
            if isinstance(each.event, ev.RulesChanged)
        }
        assert rules == dict(told)


async def test_a_row_that_the_database_refuses_spoils_only_its_own_command(ledger: Ledger, database_url: str) -> None:
    async with running_desk(ledger) as desk:
        await ask(database_url, IN_THE_WAY, group=GROUPS[2])
        last = desk.groups[GROUPS[2]].seq
        assert last < 5
        for number in range(last, 4):
            await desk.post(GROUPS[2], cmd.SetPolicy(f"up to event 4, after {number}", Policy.ASK), LOCAL_ADMIN)
        agent = f"{GROUPS[2]}-1"
        bad = desk.post(GROUPS[2], cmd.SteerAgent(agent=agent, text="collides"), LOCAL_ADMIN)
        good = [desk.post(g, cmd.SetPolicy(f"good {n}", Policy.ASK), LOCAL_ADMIN) for g in GROUPS for n in range(20)]
        refused = desk.post(GROUPS[0], cmd.AnswerRequest(request="none", decision="approve"), LOCAL_ADMIN)
        with pytest.raises(BadRow, match="refused a row"):
            await bad
        await asyncio.gather(*good)
        with pytest.raises(ClawError, match="none"):
            await refused
        assert ledger.writer.stopped == ""
    await ask(database_url, "DELETE FROM messages WHERE text = 'mine'")
    for group in GROUPS:
        assert await whole(ledger, group) > 20


async def test_a_batch_that_fails_half_way_leaves_no_trace_in_any_table(ledger: Ledger, database_url: str) -> None:
    one, other = founded("one"), founded("other")
    await ledger.writer.commit([commit_of(one)])
    await ask(database_url, "INSERT INTO members VALUES ('you', 'n', 'person', '{}', 0)")
    await ask(
        database_url,
        "INSERT INTO agent_tasks SELECT 'other-1', title, task, system_prompt, acceptance FROM agent_tasks",
    )
    before = await tables_of(database_url)
    with pytest.raises(BadRow):
        await ledger.writer.commit([commit_of(noted(one.group, "good")), commit_of(other)])
    assert await tables_of(database_url) == before
    await ask(database_url, "DELETE FROM agent_tasks WHERE agent_id = 'other-1'")
    await ledger.writer.commit([commit_of(noted(one.group, "good")), commit_of(other)])
    assert await whole(ledger, "other") == other.group.seq


BAD: dict[str, Any] = {
    "an event's time": lambda each: replace(each, at=2**70),
    "an event's actor": lambda each: replace(each, actor=7),
    "an event's kind": lambda each: replace(each, kind={"no": "text"}),
    "an id that is too long": lambda each: replace(each, agent="x" * 40_000),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_value_that_no_column_takes_is_a_bad_row_and_the_writer_goes_on(ledger: Ledger, what: str) -> None:
    made = founded("values")
    await ledger.writer.commit([commit_of(made)])
    next_one = noted(made.group, "next")
    with pytest.raises(BadRow):
        await ledger.writer.commit([GroupCommit(next_one.group, [BAD[what](each) for each in next_one.events])])
    await ledger.writer.commit([commit_of(next_one)])
    assert await whole(ledger, "values") == next_one.group.seq


async def test_events_that_do_not_follow_the_last_ones_are_refused(ledger: Ledger) -> None:
    made = founded("follow")
    await ledger.writer.commit([commit_of(made)])
    first = noted(made.group, "first")
    second = noted(first.group, "second")
    with pytest.raises(BadRow, match="does not follow event"):
        await ledger.writer.commit([commit_of(second)])
    await ledger.writer.commit([commit_of(first), commit_of(second)])
    with pytest.raises(BadRow, match="does not follow event"):
        await ledger.writer.commit([commit_of(first)])
    assert await whole(ledger, "follow") == second.group.seq


async def test_a_refusal_waits_for_what_it_was_judged_against(ledger: Ledger) -> None:
    async with running_desk(ledger) as desk:
        started = desk.post(GROUPS[0], cmd.StartGroup(), LOCAL_ADMIN)
        again = desk.post(GROUPS[0], cmd.StartGroup(), LOCAL_ADMIN)
        with pytest.raises(Refused):
            await again
        assert started.done()
        assert (await ledger.reader.load_group(GROUPS[0])).started_at > 0


async def test_a_commit_that_is_given_up_half_way_stops_the_writer(ledger: Ledger, database_url: str) -> None:
    made = founded("given")
    await ledger.writer.commit([commit_of(made)])
    commit = asyncio.ensure_future(ledger.writer.commit([commit_of(noted(made.group, "x" * 3_000_000))]))
    await asyncio.sleep(0)
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    with pytest.raises(LedgerStopped, match="given up half-way"):
        await ledger.writer.commit([commit_of(noted(made.group, "more"))])
    await ledger.close()
    again = await Ledger.open(database_url)
    try:
        group = await again.reader.load_group("given")
        await again.writer.commit([commit_of(judged(group, cmd.ChangeRules("goes on")))])
        assert await whole(again, "given") == group.seq + 1
    finally:
        await again.close()


class Watched:
    """The writer, and how many batches have been given to it."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.begun = 0
        self.stopped = ""

    def begin(self, commits: Sequence[GroupCommit]) -> Awaitable[None]:
        self.begun += 1
        return self._writer.begin(commits)


async def test_the_next_batch_is_on_its_way_before_the_last_one_is_answered(ledger: Ledger) -> None:
    watched = Watched(ledger.writer)
    begun_by_then: list[int] = []
    desk = Desk(cast(Writer, watched), lambda before, decision: begun_by_then.append(watched.begun))
    create = cmd.CreateGroup(group="ahead", name="n", goal="g", conductor=LOCAL_ADMIN, members=(YOU,))
    posted = [desk.post("ahead", create, LOCAL_ADMIN)]
    posted += [desk.post("ahead", cmd.ChangeRules(f"rules {number}"), LOCAL_ADMIN) for number in range(3 * BATCH - 1)]
    runs = asyncio.ensure_future(desk.run())
    decided = await asyncio.gather(*posted)
    desk.close()
    async with asyncio.timeout(20):
        await runs
    assert begun_by_then == [2] * BATCH + [3] * 2 * BATCH
    assert [one.events[-1].seq for one in decided] == sorted(one.events[-1].seq for one in decided)
    assert await whole(ledger, "ahead") == decided[-1].group.seq
