"""A full disk, a damaged file, a database server that goes away: the writer stops, says so, and loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cutting_proxy import CuttingProxy
from ledger_rig import commit_of, file_of, founded, noted, opened_soon, whole
from sqlalchemy import make_url

from clawgroups.dispatcher.desk import Desk
from clawgroups.errors import LedgerError, LedgerStopped
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.state import Group
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.mirror import GroupCommit
from clawgroups.testing.postgres import PostgresServer

WRITING = Path(__file__).with_name("writing_process.py")


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[int]:
    """A disk of 3 MB at ``folder`` where this machine lets us mount one (0); else how large a file may grow."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield 0 if mounted else 3_000_000
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def write_until_it_stops(url: str, limit: int) -> tuple[dict[str, int], dict[str, object]]:
    """What was acknowledged, and the last words."""
    command = [sys.executable, str(WRITING), url, *([str(limit)] if limit else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    acknowledged: dict[str, int] = {}
    for said in lines[:-1]:
        assert said["seq"] > acknowledged.get(said["group"], 0)
        acknowledged[said["group"]] = said["seq"]
    return acknowledged, lines[-1]


@pytest.mark.parametrize("kind", ["small disk", "size limit"])
async def test_a_full_disk_stops_the_writer_tells_everybody_and_loses_nothing(tmp_path: Path, kind: str) -> None:
    with small_disk(tmp_path / "disk") as limit:
        url = f"sqlite+aiosqlite:///{tmp_path / 'disk' / 'clawgroups.db'}"
        acknowledged, last = await asyncio.to_thread(
            write_until_it_stops, url, limit or (2_000_000 if kind == "size limit" else 0)
        )
        full = "may not grow any more" if limit or kind == "size limit" else "The disk is full"
        assert full in str(last["stopped"])
        assert "Nothing acknowledged is lost." in str(last["stopped"])
        assert last["told"] == 8  # every one that waited
        assert last["late"] == last["stopped"]  # and whoever came later
        roomy = tmp_path / "roomy"  # room is made: the files move to a larger disk
        shutil.copytree(tmp_path / "disk", roomy)
    ledger = await Ledger.open(f"sqlite:///{roomy / 'clawgroups.db'}")
    try:
        assert sum(acknowledged.values()) > 50
        for group, seq in acknowledged.items():
            assert await whole(ledger, group) >= seq
        group = await ledger.reader.load_group("w0")
        await ledger.writer.commit([commit_of(noted(group, "goes on"))])
    finally:
        await ledger.close()


async def _long_record(ledger: Ledger) -> dict[str, Group]:
    """More than the writer keeps in memory, in many groups."""
    groups = {}
    for number in range(40):
        made = founded(f"d{number:02}")
        group, records = made.group, list(made.events)
        for _ in range(10):
            decision = noted(group, os.urandom(30_000).hex())
            group, records = decision.group, [*records, *decision.events]
        await ledger.writer.commit([GroupCommit(group, records)])
        groups[group.id] = group
    return groups


async def test_a_damaged_file_stops_the_writer_and_a_restart_names_the_backup(sqlite_url: str) -> None:
    path = file_of(sqlite_url)
    ledger = await Ledger.open(sqlite_url)
    groups = await _long_record(ledger)
    sound = await asyncio.to_thread(_settled_copy, path)
    with path.open("r+b") as file:  # everything but the first page
        file.seek(4_096)
        file.write(os.urandom(len(sound) - 4_096))
    with pytest.raises(LedgerStopped) as raised:
        await _note_each(ledger, groups)
    assert raised.value.sentence == "The database file is damaged. Nothing more is written to it."
    assert ledger.writer.stopped == raised.value.sentence
    with pytest.raises(LedgerStopped, match="is damaged") as again:
        await ledger.writer.commit([commit_of(founded("later"))])
    assert "newest backup" in again.value.hint
    await ledger.close()
    path.with_name(f"{path.name}.backup-0003-20260101-000000").write_bytes(sound)
    with pytest.raises(LedgerStopped, match="is damaged") as restarted:
        await Ledger.open(sqlite_url)
    assert f"{path.name}.backup-0003-20260101-000000" in restarted.value.hint
    path.write_bytes(sound)
    path.with_name(f"{path.name}-wal").unlink(missing_ok=True)
    mended = await Ledger.open(sqlite_url)
    try:
        for group in groups.values():
            assert await whole(mended, group.id) >= group.seq
        await mended.writer.commit([commit_of(founded("later"))])
    finally:
        await mended.close()


async def _note_each(ledger: Ledger, groups: dict[str, Group]) -> None:
    for group in groups.values():
        await ledger.writer.commit([commit_of(noted(group, "after the damage"))])


def _settled_copy(path: Path) -> bytes:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.read_bytes()


async def test_a_file_that_was_cut_short_is_found_when_it_is_opened(sqlite_url: str) -> None:
    path = file_of(sqlite_url)
    ledger = await Ledger.open(sqlite_url)
    await ledger.writer.commit([commit_of(founded("short"))])
    await ledger.close()
    os.truncate(path, path.stat().st_size - 8_192)
    with pytest.raises(LedgerStopped, match="is damaged"):
        await Ledger.open(sqlite_url)


async def test_a_file_that_another_program_holds_is_not_called_damaged(sqlite_url: str) -> None:
    await (await Ledger.open(sqlite_url)).close()
    path = file_of(sqlite_url)
    held = sqlite3.connect(path, isolation_level=None)
    held.execute("PRAGMA journal_mode=DELETE")
    held.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(LedgerError, match="Another program holds the database file locked") as raised:
            await Ledger.open(sqlite_url)
    finally:
        held.close()
    assert "damaged" not in raised.value.sentence
    await (await Ledger.open(sqlite_url)).close()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that may be stopped and killed."""
    with PostgresServer(synced=False) as server:
        server.create("ledger")
        yield server


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_database_server_that_ends_in_mid_write_stops_the_writer_and_loses_nothing(
    own_postgres: PostgresServer, at_once: bool
) -> None:
    url = own_postgres.url("ledger")
    ledger = await Ledger.open(url)
    stopped: list[str] = []
    desk = Desk(ledger.writer, lambda before, decision: None, on_stopped=lambda: stopped.append("told"))
    runs = asyncio.ensure_future(desk.run())
    made = founded("lost")
    await ledger.writer.commit([commit_of(made)])
    desk.groups["lost"] = made.group
    acknowledged = asyncio.Event()
    last, numbers = [0], itertools.count()

    async def write() -> str:
        try:
            while True:
                words = f"{next(numbers)} " + "x" * 5_000
                done = await desk.post("lost", cmd.ChangeRules(words), LOCAL_ADMIN)
                last[0] = max(last[0], done.events[-1].seq)
                if last[0] > 200:
                    acknowledged.set()
        except LedgerStopped as error:
            return error.sentence

    writers = [asyncio.ensure_future(write()) for _ in range(10)]
    async with asyncio.timeout(30):
        await acknowledged.wait()
        await asyncio.to_thread(own_postgres.stop, at_once=at_once)
        told = await asyncio.gather(*writers)
    assert set(told) == {ledger.writer.stopped}
    assert "database server" in ledger.writer.stopped
    assert "Nothing acknowledged is lost." in ledger.writer.stopped
    assert stopped == ["told"]
    await asyncio.to_thread(own_postgres.start)
    with pytest.raises(LedgerStopped):  # another server may have it by now: nobody goes on by himself
        await desk.post("lost", cmd.ChangeRules("late"), LOCAL_ADMIN)
    desk.close()
    await runs
    await ledger.close()
    again = await Ledger.open(url)
    try:
        assert await whole(again, "lost") >= last[0] > 200
        await again.writer.commit([commit_of(noted(await again.reader.load_group("lost"), "goes on"))])
    finally:
        await again.close()


@pytest.mark.parametrize(("when", "there"), [("before", False), ("after", True)])
async def test_a_commit_whose_outcome_is_unknown_is_not_tried_again(postgres_url: str, when: str, there: bool) -> None:
    address = make_url(postgres_url)
    assert address.port is not None
    async with CuttingProxy(address.port) as proxy:
        ledger = await Ledger.open(address.set(port=proxy.port).render_as_string())
        made = founded("unknown")
        await ledger.writer.commit([commit_of(made)])
        proxy.arm(when)
        after = noted(made.group, "perhaps")
        async with asyncio.timeout(20):
            with pytest.raises(LedgerStopped, match="database server"):
                await ledger.writer.commit([commit_of(after)])
            with pytest.raises(LedgerStopped):
                await ledger.writer.commit([commit_of(after)])
        await ledger.close()
    again = await opened_soon(postgres_url)
    try:
        assert await whole(again, "unknown") == (after if there else made).group.seq
        group = await again.reader.load_group("unknown")
        await again.writer.commit([commit_of(noted(group, "goes on"))])
        assert await whole(again, "unknown") == group.seq + 1
    finally:
        await again.close()
