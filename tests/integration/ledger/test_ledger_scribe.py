"""The scribe: killed at any moment it costs nothing, it never outlives its server, and no signal ends it too soon."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator

import psutil
import pytest
import uvloop
from ledger_rig import YOU, commit_of, file_of, founded, noted, whole

from clawgroups.dispatcher.desk import Desk
from clawgroups.errors import LedgerStopped
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.ledger.batches import Batch
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.scribe_store import ScribeStore

PATIENCE_S = 30.0


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Only SQLite is written by a scribe."""
    return sqlite_url


def scribe() -> psutil.Process:
    """The one child of this process that writes a ledger."""
    (found,) = _scribes(psutil.Process())
    return found


def _scribes(parent: psutil.Process) -> Iterator[psutil.Process]:
    for child in parent.children():
        if "clawgroups.ledger.scribe" in child.cmdline():
            yield child


async def ended(process: psutil.Process) -> None:
    """Waits until a process is no more, or only waits for its parent to look."""
    deadline = time.monotonic() + PATIENCE_S
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"{process} still runs"
        await asyncio.sleep(0.01)


async def test_one_that_was_killed_while_it_had_nothing_to_do_is_started_again(ledger: Ledger) -> None:
    made = founded("idle")
    await ledger.writer.commit([commit_of(made)])
    former = scribe()
    former.kill()
    await ended(former)
    after = noted(made.group, "goes on")
    await ledger.writer.commit([commit_of(after)])
    assert scribe().pid != former.pid
    assert await whole(ledger, "idle") == after.group.seq


def test_so_it_is_on_the_loop_that_the_server_runs_on(sqlite_url: str) -> None:
    """There a write to a pipe whose reader is gone raises, and does not only go unread."""

    async def outlive() -> None:
        ledger = await Ledger.open(sqlite_url)
        desk = Desk(ledger.writer, lambda before, decision: None)
        runs = asyncio.ensure_future(desk.run())
        create = cmd.CreateGroup(group="loop", name="n", goal="g", conductor=LOCAL_ADMIN, members=(YOU,))
        await desk.post("loop", create, LOCAL_ADMIN)
        former = scribe()
        former.kill()
        await ended(former)
        async with asyncio.timeout(PATIENCE_S):
            await desk.post("loop", cmd.ChangeRules("goes on"), LOCAL_ADMIN)
            desk.close()
            await runs
        assert await whole(ledger, "loop") == desk.groups["loop"].seq
        await ledger.close()

    uvloop.run(outlive())


async def test_a_batch_that_it_died_over_is_written_by_the_next_one(ledger: Ledger) -> None:
    made = founded("over")
    await ledger.writer.commit([commit_of(made)])
    former = scribe()
    former.suspend()
    after = noted(made.group, "x" * 500_000)
    commit = asyncio.ensure_future(ledger.writer.commit([commit_of(after)]))
    await asyncio.sleep(0)  # it is on its way
    former.kill()
    async with asyncio.timeout(PATIENCE_S):
        await commit
    assert await whole(ledger, "over") == after.group.seq


async def test_a_batch_that_was_committed_before_it_died_is_not_written_again(ledger: Ledger, sqlite_url: str) -> None:
    """Its answer is what is lost: so the same batch is given once more to one that is dead already."""
    store = ScribeStore(file_of(sqlite_url))
    await store.start()
    count = "INSERT INTO agent_tasks VALUES (?, '', '', '', '')"
    batch = Batch(
        ("UPDATE ledger_owner SET beat_at = beat_at", ()),
        [(count, [("once",)])],
        ("SELECT 1 FROM agent_tasks WHERE agent_id = ?", ("once",)),
    )
    await store.write(batch)
    assert store.pid is not None
    scribe = psutil.Process(store.pid)
    scribe.kill()
    await ended(scribe)
    await store.write(batch)  # written again, it would break the table's key
    await store.close()


async def test_whenever_it_is_killed_everybody_is_answered_and_nothing_is_lost_or_doubled(ledger: Ledger) -> None:
    desk = Desk(ledger.writer, lambda before, decision: None)
    runs = asyncio.ensure_future(desk.run())
    create = cmd.CreateGroup(group="often", name="n", goal="g", conductor=LOCAL_ADMIN, members=(YOU,))
    await desk.post("often", create, LOCAL_ADMIN)
    answers: list[int] = []

    async def write(writer: int) -> None:
        for number in range(150):
            decision = await desk.post("often", cmd.ChangeRules(f"{writer} {number} " + "x" * 3_000), LOCAL_ADMIN)
            answers.append(decision.events[-1].seq)

    writing = asyncio.gather(*(write(writer) for writer in range(8)))
    for kills in range(1, 7):
        while len(answers) < kills * 150 and not writing.done():
            await asyncio.sleep(0.001)
        for found in _scribes(psutil.Process()):  # none, in the moment in which the next one starts
            found.kill()
    async with asyncio.timeout(PATIENCE_S):
        await writing
        desk.close()
        await runs
    assert len(set(answers)) == len(answers) == 8 * 150
    assert await whole(ledger, "often") == max(answers)


async def test_one_that_dies_over_the_same_batch_again_stops_the_writer(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = founded("twice")
    await ledger.writer.commit([commit_of(made)])
    scribe().kill()
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(LedgerStopped, match="ended twice"):
        await ledger.writer.commit([commit_of(noted(made.group, "never"))])
    with pytest.raises(LedgerStopped):
        await ledger.writer.commit([commit_of(noted(made.group, "never"))])


async def test_signals_to_the_whole_group_do_not_end_it_before_the_server_has_ended(ledger: Ledger) -> None:
    made = founded("signals")
    await ledger.writer.commit([commit_of(made)])
    same = scribe()
    for number in (signal.SIGINT, signal.SIGTERM):
        same.send_signal(number)
    await ledger.writer.commit([commit_of(noted(made.group, "still here"))])
    assert scribe().pid == same.pid


async def test_it_ends_with_its_ledger(ledger: Ledger) -> None:
    last = scribe()
    await ledger.close()
    await ended(last)
    assert list(_scribes(psutil.Process())) == []
