"""Brings a database to this program's revision: at start, by itself, with a backup of a SQLite file first."""

from __future__ import annotations

import importlib.resources
import logging
import sqlite3
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from clawgroups.errors import LedgerStopped, LedgerTooNew

log = logging.getLogger("clawgroups.ledger")
KEEP_BACKUPS = 5


def config() -> Config:
    """Alembic's configuration, found in the checkout or in the installed wheel alike."""
    made = Config()
    made.set_main_option("script_location", str(importlib.resources.files("migrations")))
    return made


def head() -> str:
    """The newest revision that this program knows."""
    return str(ScriptDirectory.from_config(config()).get_current_head())


def upgrade(connection: Connection) -> None:
    """Applies what is missing. Raises LedgerTooNew for a revision that this program does not know."""
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, "head")


def check(connection: Connection) -> str | None:
    """The database's revision (None: empty). Raises LedgerTooNew when it is not one of ours."""
    if "alembic_version" not in inspect(connection).get_table_names():
        return None
    present = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if present is not None and present not in known:
        raise LedgerTooNew(
            f"The database is at revision {present}, which this version does not know; its newest is {head()}."
        )
    return present


def backup(path: Path, revision: str | None) -> Path:
    """A consistent copy of a SQLite file beside it; older copies than the last five are removed."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    copy = path.with_name(f"{path.name}.backup-{revision or 'empty'}-{stamp}")
    try:
        source, target = sqlite3.connect(path), sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
    except sqlite3.DatabaseError as error:
        raise LedgerStopped(f"The backup before the upgrade failed: {error}.") from error
    log.info("backup made before the upgrade: %s", copy, extra={"action": "backup"})
    for old in sorted(path.parent.glob(f"{path.name}.backup-*"), key=lambda p: p.stat().st_mtime)[:-KEEP_BACKUPS]:
        old.unlink()
    return copy
