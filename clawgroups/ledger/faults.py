"""What can go wrong with a database, sorted into what stops the writer and what only spoils one batch."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from clawgroups.errors import LedgerError, LedgerStopped

_WORDS = {
    "database or disk is full": "The disk is full.",
    "disk i/o error": "The disk does not answer (I/O error).",
    "malformed": "The database file is damaged.",
    "not a database": "The file is not a database.",
    "readonly": "The database file may not be written.",
    "no space left": "The disk is full.",
    "file too large": "The database file may not grow any more (file size limit).",
}


class BadRow(LedgerError):
    """A row does not fit the tables; its batch was not committed."""

    code = "bad_row"


def fault_of(error: Exception) -> LedgerError:
    """BadRow where the input is to blame, LedgerStopped where the database is."""
    if isinstance(error, LedgerError):
        return error
    if isinstance(error, (IntegrityError, DataError)):
        return BadRow(f"The ledger refused a row: {_first_line(error)}")
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return BadRow(f"A row could not be bound: {_first_line(error)}")
    text = str(error).lower()
    for mark, sentence in _WORDS.items():
        if mark in text:
            return LedgerStopped(f"{sentence} Nothing acknowledged is lost.")
    return LedgerStopped(f"The database failed: {_first_line(error)} Nothing acknowledged is lost.")


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(cause).split("\n", 1)[0][:300]
