"""Every earlier database is brought to this version by itself, and one that cannot be is left as it was."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from ledger_rig import MIRRORS, ask, commit_of, file_of, founded, judged, noted, tables_of, whole, write
from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from clawgroups.errors import LedgerError, LedgerStopped, LedgerTooNew
from clawgroups.group import commands as cmd
from clawgroups.ledger import migrate
from clawgroups.ledger import tables as t
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.mirror import HOUSE
from tests.unit.ledger.ledger_history import History

EARLIER = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
ROOT = Path(__file__).parents[3]
NEWEST = max(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))


async def on(url: str, work: Callable[[Connection], Any]) -> Any:
    """What ``work`` makes of a connection, committed."""
    engine = create_async_engine(make_url(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def source_at(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


async def full(path: Path) -> str:
    """A ledger of this version, with a long history of a group and the house's own."""
    url = f"sqlite+aiosqlite:///{path}"
    ledger = await Ledger.open(url)
    await write(ledger, History(27, room=False).play(350).world.events)
    house = founded(HOUSE)
    await ledger.writer.commit([commit_of(house)])
    await ledger.writer.commit([commit_of(judged(house.group, cmd.ChangeRules("be kind")))])
    await ledger.close()
    return url


def as_it_was(source: Engine, revision: str) -> Callable[[Connection], None]:
    """Fills the tables of an earlier revision with what the program of that time would have written."""

    def copy(connection: Connection) -> None:
        migrate.upgrade(connection, revision)
        there = set(inspect(connection).get_table_names())
        for table in MIRRORS:
            if table.name in there:
                old = Table(table.name, MetaData(), autoload_with=connection)
                with source.connect() as reading:
                    rows = [_row_then(row._asdict(), old, revision) for row in reading.execute(select(table))]
                rows = [row for row in rows if row is not None]
                if rows:
                    connection.execute(insert(old), rows)

    return copy


def _row_then(row: dict[str, Any], old: Table, revision: str) -> dict[str, Any] | None:
    if old.name == "members" and revision < "0004":  # those with which the house was made were not mirrored then
        return None
    if old.name == "messages" and revision < "0008" and row["kind"] == "rules":  # nor were the rules, in the room
        return None
    counted = {"id"} if old.name in ("events", "steps") else set()  # the database numbers these by itself
    then = {name: value for name, value in row.items() if name in old.c and name not in counted}
    if revision == "0001":
        for name, value in then.items():
            wide = isinstance(old.c[name].type, BigInteger)
            length = getattr(old.c[name].type, "length", None)
            if isinstance(value, str) and length:
                then[name] = value[:length]  # longer ones could not be written
            if isinstance(value, int) and isinstance(old.c[name].type, Integer) and not wide:
                then[name] = min(value, 2**31 - 1)
    return then


@pytest.mark.parametrize("revision", EARLIER)
async def test_a_database_of_an_earlier_version_is_upgraded_with_everything_in_it(
    bare_url: str, tmp_path: Path, revision: str
) -> None:
    present = await full(tmp_path / "present.db")
    if bare_url.startswith("sqlite"):
        file_of(bare_url).parent.mkdir()
    await on(bare_url, as_it_was(source_at(tmp_path / "present.db"), revision))
    ledger = await Ledger.open(bare_url)
    try:
        upgraded, wanted = await tables_of(bare_url), await tables_of(present)
        cut = {"artifacts", "tool_calls", "requests", "usage", "steps"} if revision == "0001" else set()
        for table in set(wanted) - cut - {"members"}:
            assert upgraded[table] == wanted[table], table
        assert [row[0] for row in upgraded["members"]] == ["you"]
        assert len(upgraded["steps"]) == len(wanted["steps"]) > 20
        if not cut:
            assert await ledger.reader.verify("g") == []
        assert await ledger.reader.verify(HOUSE) == []
        group = await ledger.reader.load_group("g")
        await ledger.writer.commit([commit_of(noted(group, "after the upgrade"))])
        assert (await ledger.reader.load_group("g")).rules == "after the upgrade"
    finally:
        await ledger.close()


def _described(thing: object, name: str, kind: str, *_: object) -> bool:
    """The index of words is no table that SQLAlchemy could describe; the tests of the search are its own."""
    return not (kind == "table" and name.startswith("search_words"))


async def test_the_tables_that_migrations_make_are_those_of_the_program(bare_url: str) -> None:
    await (await Ledger.open(bare_url)).close()

    def difference(connection: Connection) -> list[Any]:
        opts = {"compare_type": True, "include_object": _described}
        context = MigrationContext.configure(connection, opts=opts)
        return list(compare_metadata(context, t.metadata))

    assert await on(bare_url, difference) == []
    assert await on(bare_url, migrate.check) == migrate.head() == NEWEST


async def test_a_sqlite_file_is_backed_up_before_an_upgrade_and_the_backup_is_the_old_one(
    sqlite_url: str, tmp_path: Path
) -> None:
    await full(tmp_path / "present.db")
    path = file_of(sqlite_url)
    path.parent.mkdir()
    await on(sqlite_url, as_it_was(source_at(tmp_path / "present.db"), "0002"))
    before = dump(path)
    await (await Ledger.open(sqlite_url)).close()
    (copy,) = migrate.backups_of(path)
    assert copy.name.startswith("clawgroups.db.backup-0002-")
    assert dump(copy) == before
    assert await on(f"sqlite+aiosqlite:///{copy}", migrate.check) == "0002"
    assert sorted(left.name for left in path.parent.iterdir()) == sorted([path.name, f"{path.name}.lock", copy.name])
    shutil.copyfile(copy, path)  # as the hints say
    await (await Ledger.open(sqlite_url)).close()


async def test_no_backup_is_made_where_there_is_nothing_to_upgrade(sqlite_url: str) -> None:
    for _ in range(2):
        await (await Ledger.open(sqlite_url)).close()
    assert migrate.backups_of(file_of(sqlite_url)) == []


def test_the_last_five_backups_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "odd [name] *.db"
    sqlite3.connect(path).close()
    made = [migrate.backup(path, f"{number:04}") for number in range(8)]
    assert migrate.backups_of(path) == made[-5:]


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


BREAKS = "INSERT INTO groups SELECT 'bad','n','g','draft',0,0,0,0,0,0,0,1,'this is no JSON'"


async def test_an_upgrade_that_fails_leaves_the_database_as_it_was_and_says_where_the_backup_is(bare_url: str) -> None:
    on_sqlite = bare_url.startswith("sqlite")
    if on_sqlite:
        file_of(bare_url).parent.mkdir()
    await on(bare_url, lambda connection: migrate.upgrade(connection, "0001"))
    await ask(bare_url, BREAKS)
    names = await on(bare_url, lambda connection: inspect(connection).get_columns("groups"))
    with pytest.raises(LedgerStopped, match=f"upgrade of the database from 0001 to {NEWEST} failed") as raised:
        await Ledger.open(bare_url)
    assert "the database is as it was" in raised.value.sentence
    assert await on(bare_url, migrate.check) == "0001"
    after = await on(bare_url, lambda connection: inspect(connection).get_columns("groups"))
    assert [str(column) for column in after] == [str(column) for column in names]
    assert await ask(bare_url, "SELECT id, state FROM groups") == [("bad", "this is no JSON")]
    if on_sqlite:
        (copy,) = migrate.backups_of(file_of(bare_url))
        assert copy.name in raised.value.hint
    await ask(bare_url, "DELETE FROM groups")
    await (await Ledger.open(bare_url)).close()
    assert await on(bare_url, migrate.check) == NEWEST


async def test_a_newer_database_is_refused_and_not_touched(bare_url: str) -> None:
    await (await Ledger.open(bare_url)).close()
    await ask(bare_url, "UPDATE alembic_version SET version_num = '9999'")
    path = file_of(bare_url) if bare_url.startswith("sqlite") else None
    if path is not None:  # as a backup is kept
        await asyncio.to_thread(_out_of_wal, path)
    before = path.read_bytes() if path else await tables_of(bare_url)
    with pytest.raises(LedgerTooNew) as raised:
        await Ledger.open(bare_url)
    assert raised.value.sentence == (
        f"The database is at revision 9999, which this version does not know; its newest is {NEWEST}."
    )
    assert raised.value.hint == "Install that version or newer, or restore the backup made before the upgrade."
    assert (path.read_bytes() if path else await tables_of(bare_url)) == before
    assert path is None or migrate.backups_of(path) == []


def _out_of_wal(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()


async def test_another_programs_tables_are_refused_and_not_touched(bare_url: str) -> None:
    if bare_url.startswith("sqlite"):
        file_of(bare_url).parent.mkdir()
    await ask(bare_url, "CREATE TABLE events (name VARCHAR(9))", "INSERT INTO events VALUES ('theirs')")
    before = file_of(bare_url).read_bytes() if bare_url.startswith("sqlite") else b""
    with pytest.raises(LedgerStopped, match=r"tables of another program: events\."):
        await Ledger.open(bare_url)
    assert await ask(bare_url, "SELECT name FROM events") == [("theirs",)]
    assert (file_of(bare_url).read_bytes() if before else b"") == before


async def test_a_file_that_is_no_database_is_refused_and_not_touched(sqlite_url: str) -> None:
    path = file_of(sqlite_url)
    path.parent.mkdir()
    path.write_text("Dear diary, " * 1_000)
    with pytest.raises(LedgerStopped, match="damaged or not a database") as raised:
        await Ledger.open(sqlite_url)
    assert "There is no backup of it" in raised.value.hint
    assert path.read_text() == "Dear diary, " * 1_000


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mysql://claw:secret@localhost/ledger", "cannot be used"),
        ("postgresql://claw:secret@localhost:many/ledger", "cannot be used"),
        ("secret", "cannot be used"),
        ("sqlite://", "would lose everything"),
        ("postgresql://claw:secret@127.0.0.1:1/ledger", "does not answer"),
        ("sqlite:////proc/nowhere/ledger.db", "cannot be used"),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused_without_telling_its_password(url: str, what: str) -> None:
    with pytest.raises(LedgerError, match=what) as raised:
        await Ledger.open(url)
    assert raised.value.hint
    assert "secret" not in str(raised.value) + raised.value.hint


async def test_a_setting_in_the_address_that_the_driver_does_not_know_is_not_taken_for_a_bad_row(
    bare_postgres_url: str,
) -> None:
    with pytest.raises(LedgerError, match="sslmode") as raised:
        await Ledger.open(f"{bare_postgres_url}?sslmode=require")
    assert raised.value.code == "ledger"


async def test_an_installed_copy_migrates_by_itself(tmp_path: Path) -> None:
    await full(tmp_path / "present.db")
    url = f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
    await on(url, as_it_was(source_at(tmp_path / "present.db"), "0001"))
    await asyncio.to_thread(_lay_out, tmp_path / "site")
    program = (
        "import asyncio, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from clawgroups.ledger import ledger\n"
        "assert ledger.__file__.startswith(sys.argv[1]), ledger.__file__\n"
        "async def main():\n"
        "    opened = await ledger.Ledger.open(sys.argv[2])\n"
        "    print((await opened.reader.load_group('g')).seq)\n"
        "    await opened.close()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-P", "-c", program, str(tmp_path / "site"), url]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    ledger = await Ledger.open(url)
    assert int(done.stdout) == await ledger.reader.seq("g") > 100
    await ledger.close()


def _lay_out(site: Path) -> None:
    """The packages alone, with the files that a wheel takes along and nothing else of the checkout."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = ["*.py", *settings["package-data"]["*"]]
    for pattern in settings["packages"]["find"]["include"]:
        for path in ROOT.glob(f"{pattern}/**/*"):
            if any(path.match(each) for each in patterns) and (path.parent / "__init__.py").exists():
                target = site / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


async def test_the_record_of_a_fresh_ledger_is_in_order(bare_url: str) -> None:
    ledger = await Ledger.open(bare_url)
    try:
        await write(ledger, History(8).play(60).world.events)
        assert await whole(ledger) > 20
    finally:
        await ledger.close()
