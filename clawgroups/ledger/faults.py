"""What can go wrong with a database, sorted into what stops the writer and what only spoils one batch."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from clawgroups.errors import LedgerError, LedgerStopped

_DAMAGED = "The database file is damaged."
_MEND = "Stop the server and put the newest backup in its place, or mend it with sqlite3's .recover, then start again."
_WORDS = {
    "database or disk is full": "The disk is full.",
    "disk i/o error": "The disk does not answer, or the file may not grow any more (I/O error).",
    "malformed": _DAMAGED,
    "not a database": _DAMAGED,
    "readonly": "The database file may not be written.",
    "unable to open database file": "The database file cannot be opened.",
    "database is locked": "Another program holds the database file locked.",
    "no space left": "The disk is full.",
    "file too large": "The database file may not grow any more (file size limit).",
    "connect call failed": "The database server does not answer.",
    "connection refused": "The database server does not answer.",
    "connection was closed": "The database server closed the connection.",
    "connection is closed": "The database server closed the connection.",
    "cannot switch to state": "The connection to the database server broke in the middle of a write.",
    "terminating connection": "The database server closed the connection.",
    "authentication failed": "The database server does not accept this user or password.",
    "connection_lost": "The database server closed the connection.",
    "shutting down": "The database server is shutting down.",
}
_ROW_STATES = ("22", "23", "54")  # SQLSTATE classes: data exception, integrity violation, a limit of the program
_UNBOUND = ("invalid input for query argument", "error binding parameter")  # the driver's, before anything is sent
_OF_PYTHON = (OverflowError, UnicodeError, TypeError, ValueError, KeyError)  # a value that no driver can bind


class BadRow(LedgerError):
    """A row does not fit the tables; its batch was not committed."""

    code = "bad_row"
    status = 422
    hint = "Mend the input: the words or numbers in it cannot be kept."


def fault_of(error: Exception) -> LedgerError:
    """BadRow where the input is to blame, LedgerStopped where the database is."""
    if isinstance(error, LedgerError):
        return error
    if _blames_the_row(error):
        return BadRow(f"The ledger refused a row: {_first_line(error)}")
    sentence = _sentence(error)
    if sentence == _DAMAGED:  # what it still holds, nobody knows before it is looked at
        return LedgerStopped(f"{sentence} Nothing more is written to it.", hint=_MEND)
    return LedgerStopped(f"{sentence} Nothing acknowledged is lost.")


def opening_fault(error: Exception) -> LedgerError:
    """The same for a database that is being opened: there is no row to blame then, only its address or the database."""
    fault = fault_of(error)
    if isinstance(fault, BadRow):
        return LedgerError(f"The database cannot be opened: {_first_line(error)}", hint="Look at its address.")
    return fault


def _blames_the_row(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return isinstance(error, (IntegrityError, DataError)) or state.startswith(_ROW_STATES) or _unbound(error.orig)
    if isinstance(error, sqlite3.Error):  # as the scribe tells it
        return isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError)) or _unbound(error)
    if isinstance(error, SQLAlchemyError):
        return isinstance(error, StatementError)
    return isinstance(error, _OF_PYTHON)


def _unbound(error: BaseException | None) -> bool:
    return any(words in str(error).lower() for words in _UNBOUND)


def _sentence(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "The database did not answer in time."
    text = f"{type(error).__name__} {error}".lower()
    found = next((sentence for mark, sentence in _WORDS.items() if mark in text), "")
    return found or f"The database failed: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    line = str(cause).split("\n", 1)[0][:300] or type(cause).__name__
    return line if line.endswith(".") else f"{line}."
