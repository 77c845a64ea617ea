"""The file of a SQLite ledger: whose it is, whether it is whole, and how its connections are set up."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from clawgroups.errors import LedgerBusy, LedgerError, LedgerStopped
from clawgroups.ledger.migrate import backups_of
from clawgroups.ledger.pragmas import READING, WRITING

T = TypeVar("T")
CHECK_S = 0.5  # a file of many gigabytes must open soon; what is not looked at here is found when it is read


def path_of(url: URL) -> Path:
    """Where the file is. Raises LedgerError for a database in memory."""
    if not url.database or url.database == ":memory:":
        raise LedgerError(
            "The ledger needs a file: an in-memory database would lose everything.",
            hint="Use sqlite:////path/to/clawgroups.db.",
        )
    return Path(url.database)


def lock(path: Path) -> IO[str]:
    """An OS lock beside the file: it is gone with its process, so that a killed server is replaced at once.

    Raises LedgerBusy naming the process that has it, LedgerStopped when the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(path.name + ".lock").open("a+")
    except OSError as error:
        raise LedgerStopped(
            f"The folder {path.parent} cannot be used: {error.strerror}.", hint="Choose another --home."
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read(20).strip()
        file.close()
        raise LedgerBusy(f"Another server{f' (process {holder})' if holder else ''} owns this database.") from error
    except OSError as error:
        with contextlib.suppress(OSError):  # what could not be written before cannot be written now
            file.close()
        raise LedgerStopped(f"The file {file.name} cannot be locked or written: {error.strerror}.") from error
    return file


def check(path: Path, limit_s: float = CHECK_S) -> None:
    """Looks for damage, for ``limit_s`` at most. Raises LedgerStopped that names the newest backup."""
    if not path.exists():
        return
    try:
        connection = sqlite3.connect(path, check_same_thread=False)
        try:
            found = _missing(connection, path) or _first_fault(connection, limit_s)
        finally:
            connection.close()
    except sqlite3.OperationalError:  # locked, unreadable: nothing is said about what is in it
        raise
    except sqlite3.DatabaseError as error:
        raise _damaged(path, f"is damaged or not a database ({error})") from error
    if found:
        raise _damaged(path, f"is damaged: {found}")


def look(path: Path, ask: Callable[[Connection], T]) -> T | None:
    """What ``ask`` makes of the file; None where there is none. Changes nothing: it may be somebody else's."""
    if not path.exists():
        return None
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    event.listen(engine, "connect", _prepare_reader)
    event.listen(engine, "begin", _begin)
    with engine.connect() as connection:
        return ask(connection)


def _missing(connection: sqlite3.Connection, path: Path) -> str:
    """Whether the file is shorter than it says; pages that are still in the log beside it do not count."""
    pages, size = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size"))
    log = path.with_name(path.name + "-wal")
    there = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    return f"{pages * size - there:,} bytes are missing at its end" if there < pages * size else ""


def _first_fault(connection: sqlite3.Connection, limit_s: float) -> str:
    timer = threading.Timer(limit_s, connection.interrupt)
    timer.start()
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return ""
    finally:
        timer.cancel()
        timer.join()
    said = str(found[0]) if found else "ok"
    return "" if said == "ok" or "interrupted" in said else said


def _damaged(path: Path, what: str) -> LedgerStopped:
    copies = backups_of(path)
    if copies:
        hint = (
            f"Its newest backup is {copies[-1].name} in the same folder: put that in its place (remove the -wal file)."
        )
    else:
        hint = "There is no backup of it (they are named .backup-... beside it); start with another --home."
    return LedgerStopped(f"The database file {path.name} {what}.", hint=hint)


def writing(path: Path) -> Engine:
    """The engine of the one writer; each transaction takes the file's write lock when it begins."""
    engine = create_engine(URL.create("sqlite", database=str(path)), pool_size=1, max_overflow=0)
    event.listen(engine, "connect", _prepare_writer)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def reading(path: Path) -> AsyncEngine:
    """The engine of the readers: they cannot write, and what one connection reads fits together."""
    engine = create_async_engine(URL.create("sqlite+aiosqlite", database=str(path)), pool_size=4, max_overflow=0)
    event.listen(engine.sync_engine, "connect", _prepare_reader)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare_writer(connection: Any, record: Any) -> None:
    _prepare(connection, *WRITING)


def _prepare_reader(connection: Any, record: Any) -> None:
    _prepare(connection, *READING)


def _prepare(connection: Any, *settings: str) -> None:
    connection.isolation_level = None  # transactions are begun by the listeners below, not by the driver
    cursor = connection.cursor()
    for setting in settings:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")
