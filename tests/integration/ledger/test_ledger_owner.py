"""One server a database: the second one is refused, and follows at once when the first has ended, however it ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from ledger_rig import ask, commit_of, file_of, founded, noted, opened_soon, whole

from clawgroups.errors import LedgerBusy, LedgerStopped
from clawgroups.ledger.ledger import Ledger

HOLDS = """
import asyncio, sys
from clawgroups.ledger.ledger import Ledger
async def main():
    ledger = await Ledger.open(sys.argv[1])
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await ledger.close()
asyncio.run(main())
"""


async def holder(url: str) -> asyncio.subprocess.Process:
    """Another process that has the ledger open."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDS, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"open\n"
    return process


@pytest.mark.parametrize("how", ["ends", "is killed"])
async def test_a_second_server_is_refused_until_the_first(database_url: str, how: str) -> None:
    process = await holder(database_url)
    with pytest.raises(LedgerBusy) as raised:
        await Ledger.open(database_url)
    assert raised.value.hint == "Stop the other server first, or give this one another --home."
    if database_url.startswith("sqlite"):
        assert f"process {process.pid}" in raised.value.sentence
    if how == "ends":
        await process.communicate(b"")
        ledger = await Ledger.open(database_url)
    else:
        process.send_signal(signal.SIGKILL)
        await process.wait()
        ledger = await opened_soon(database_url)
    await ledger.writer.commit([commit_of(founded("mine"))])
    await ledger.close()


async def test_a_second_opening_in_the_same_process_is_refused_too(ledger: Ledger, database_url: str) -> None:
    with pytest.raises(LedgerBusy):
        await Ledger.open(database_url)
    await ledger.writer.commit([commit_of(founded("still mine"))])


async def test_a_server_whose_database_was_taken_over_writes_nothing_more(ledger: Ledger, database_url: str) -> None:
    made = founded("taken")
    await ledger.writer.commit([commit_of(made)])
    if database_url.startswith("sqlite"):
        file_of(database_url).with_name("clawgroups.db.lock").unlink()
    else:
        await ask(
            database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
    other = await opened_soon(database_url)
    try:
        with pytest.raises(LedgerStopped, match="Another server has taken this database over"):
            await ledger.writer.commit([commit_of(noted(made.group, "too late"))])
        assert await whole(other, "taken") == made.group.seq
        await other.writer.commit([commit_of(noted(made.group, "the new owner's"))])
        with pytest.raises(LedgerStopped):
            await ledger.writer.commit([commit_of(noted(made.group, "too late"))])
        assert (await other.reader.load_group("taken")).rules == "the new owner's"
    finally:
        await other.close()


async def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LedgerStopped, match="cannot be used") as raised:
        await Ledger.open(f"sqlite:///{tmp_path / 'file' / 'clawgroups.db'}")
    assert "--home" in raised.value.hint


async def test_the_owner_is_on_record(ledger: Ledger, database_url: str) -> None:
    assert await ask(database_url, "SELECT pid FROM ledger_owner") == [(os.getpid(),)]
