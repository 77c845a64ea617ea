"""What ``clawgroups doctor`` looks at in the ledger. It only reads: nothing is migrated, locked or made."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from clawgroups.cli.checks import Row, State
from clawgroups.dispatcher.views import HOUSE
from clawgroups.errors import ClawError, LedgerError
from clawgroups.group.members import Member
from clawgroups.ledger import migrate, postgres, sqlite_file
from clawgroups.ledger.faults import fault_of
from clawgroups.ledger.reader import Reader
from clawgroups.settings import Settings

UPGRADE = "Start the server; a SQLite file is backed up before it is upgraded."
_LOCK = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = :key AND granted")


async def database(settings: Settings, server_pid: int | None) -> Row:
    """Whether it opens and is whole, at which revision it is, and whose it is now."""
    try:
        url = _url(settings)
        if url.get_backend_name() == "sqlite":
            return _sqlite(sqlite_file.path_of(url), server_pid)
        return await _postgres(url, server_pid)
    except LedgerError as error:
        return Row("database", State.FAIL, error.sentence, error.hint or "Name the right --home or --database.")


def _url(settings: Settings) -> URL:
    try:
        url = make_url(settings.database_url)
    except ArgumentError:  # its words would show the password
        url = URL.create("none")
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    if url.get_backend_name() not in drivers:
        hint = "Use postgresql+asyncpg://user@host/database, or leave --database out for SQLite."
        raise LedgerError("This database address cannot be used.", hint=hint)
    return url.set(drivername=drivers[url.get_backend_name()])


def _sqlite(path: Path, server_pid: int | None) -> Row:
    if not path.exists():
        return Row("database", State.OK, f"{path} is made at the first start.")
    sqlite_file.check(path)
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only=ON")
            revision = migrate.check(connection)
    except LedgerError:
        raise
    except Exception as error:
        raise fault_of(error) from error
    finally:
        engine.dispose()
    return _row(f"SQLite, {path}", revision, _holder(path), server_pid)


def _holder(path: Path) -> str:
    """Who holds the lock beside the file; empty when nobody does. Only a shared lock is tried, for an instant."""
    try:
        with path.with_name(path.name + ".lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return f"process {file.read(20).strip() or 'unknown'}"
    except OSError:
        return ""  # never locked yet, or not ours to read: opening it says more
    return ""


async def _postgres(url: URL, server_pid: int | None) -> Row:
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": postgres.CONNECT_S})
    try:
        async with engine.connect() as connection:
            revision = await connection.run_sync(migrate.check)
            version = await connection.scalar(text("SHOW server_version"))
            held = await connection.scalar(_LOCK, {"key": postgres.ADVISORY_LOCK})
    except LedgerError:
        raise
    except Exception as error:
        raise fault_of(error) from error
    finally:
        await engine.dispose()
    where = f"PostgreSQL {version}, {url.database} at {url.host or 'this machine'}"
    return _row(where, revision, "a server" if held else "", server_pid)


def _row(where: str, revision: str | None, holder: str, server_pid: int | None) -> Row:
    owner = f"owned by {holder}" if holder else "owned by nobody now"
    if revision is None:
        return Row("database", State.OK, f"{where}: empty, {owner}; set up at the first start.")
    if revision != migrate.head():
        told = f"{where}: at revision {revision}, this program is at {migrate.head()}; {owner}."
        return Row("database", State.WARN, told, UPGRADE)
    if holder and server_pid is None:
        hint = "Stop that process, or name the --home whose server it is."
        return Row("database", State.WARN, f"{where}: {owner}, which is not this home's running server.", hint)
    return Row("database", State.OK, f"{where}: whole, at revision {revision}, {owner}.")


async def members(settings: Settings) -> list[Member]:
    """The installation's members, read without a server; empty before the first start. Raises LedgerError."""
    url = _url(settings)
    if url.get_backend_name() == "sqlite" and not sqlite_file.path_of(url).exists():
        return []
    async with _reader(url) as reader:
        if reader is None or HOUSE not in await reader.unfinished():
            return []
        return list((await reader.load_group(HOUSE)).members.values())


@contextlib.asynccontextmanager
async def _reader(url: URL) -> AsyncIterator[Reader | None]:
    sqlite = url.get_backend_name() == "sqlite"
    engine = sqlite_file.reading(sqlite_file.path_of(url)) if sqlite else postgres.reading(url)
    try:
        async with engine.connect() as connection:
            revision = await connection.run_sync(_revision)
        if revision not in (None, migrate.head()):
            raise LedgerError("The ledger is not at this program's revision.", hint=UPGRADE)
        yield Reader(engine) if revision is not None else None
    except ClawError:
        raise
    except Exception as error:
        raise fault_of(error) from error
    finally:
        await engine.dispose()


def _revision(connection: Connection) -> str | None:
    return migrate.check(connection)
