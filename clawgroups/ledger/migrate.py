"""Brings a database to this program's revision: at start, by itself, with a backup of a SQLite file first."""

from __future__ import annotations

import contextlib
import glob
import importlib.resources
import logging
import os
import sqlite3
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from clawgroups.errors import LedgerStopped, LedgerTooNew
from clawgroups.ledger.tables import metadata

log = logging.getLogger("clawgroups.ledger")
KEEP_BACKUPS = 5


def config() -> Config:
    """Alembic's configuration, found in the checkout or in the installed wheel alike."""
    made = Config()
    folder = str(importlib.resources.files("migrations"))
    made.set_main_option("script_location", folder.replace("%", "%%"))  # the option is a template
    return made


def head() -> str:
    """The newest revision that this program knows."""
    return str(ScriptDirectory.from_config(config()).get_current_head())


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Applies what is missing, in the transaction that ``connection`` is in."""
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, revision)


def check(connection: Connection) -> str | None:
    """The database's revision (None: empty). Reads only.

    Raises LedgerTooNew when the revision is not one of ours, LedgerStopped when the tables are somebody else's.
    """
    present = set(inspect(connection).get_table_names())
    versioned = "alembic_version" in present
    revision = MigrationContext.configure(connection).get_current_revision() if versioned else None
    if revision is None:
        foreign = sorted(present & set(metadata.tables))
        if foreign:
            raise LedgerStopped(
                f"The database holds tables of another program: {', '.join(foreign)}.",
                hint="Give Claw Groups a database of its own.",
            )
        return None
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if revision not in known:
        raise LedgerTooNew(
            f"The database is at revision {revision}, which this version does not know; its newest is {head()}."
        )
    return revision


def backups_of(path: Path) -> list[Path]:
    """The backups of a SQLite file that lie beside it, the oldest first."""
    named = path.parent.glob(f"{glob.escape(path.name)}.backup-*")
    made = [copy for copy in named if not copy.name.endswith(("-wal", "-shm", "-journal"))]
    return sorted(made, key=lambda copy: copy.stat().st_mtime_ns)


def backup(path: Path, revision: str) -> Path:
    """A consistent copy of a SQLite file beside it, safe on the disk; older ones than the last five are removed.

    Raises LedgerStopped when there is no room for it; what was there stays.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    copy = _free_name(path.with_name(f"{path.name}.backup-{revision}-{stamp}"))
    partial = path.with_name(f"{path.name}.unfinished-backup")  # never mistaken for a whole one
    try:
        partial.unlink(missing_ok=True)
        _copy(path, partial)
        partial.rename(copy)
        _sync(copy.parent)
    except (sqlite3.Error, OSError) as error:
        for left in path.parent.glob(f"{glob.escape(partial.name)}*"):
            left.unlink(missing_ok=True)
        raise LedgerStopped(f"The backup before the upgrade failed: {error}.") from error
    log.info("backup made before the upgrade: %s", copy, extra={"action": "backup"})
    for old in backups_of(path)[:-KEEP_BACKUPS]:
        old.unlink()
    return copy


def _free_name(wanted: Path) -> Path:
    number, free = 1, wanted
    while free.exists():
        number += 1
        free = wanted.with_name(f"{wanted.name}.{number}")
    return free


def _copy(path: Path, copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, complete by itself
    _sync(copy)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
