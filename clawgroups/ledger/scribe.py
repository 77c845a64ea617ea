"""The program that writes a SQLite ledger: batches come on standard input, and each is one transaction.

It has a process of its own because the driver and the rules would otherwise fight over one interpreter lock: while the
scribe binds and writes a batch, the server decides the next one on another core. It ends when its input does, so it
never outlives the server by more than the transaction under way; and each transaction begins with the fence of
ownership, so that a scribe whose server was replaced writes nothing more.

A frame is its length (4 bytes, little endian) and MessagePack. Asked: ``{"fence": [sql, values] | null, "statements":
[[sql, [values, ...]], ...]}``, or ``{"ask": [sql, values]}``. Answered: ``{"rows": [...]}``, or ``{"error": [class,
text]}`` when nothing of it was done.
"""

from __future__ import annotations

import signal
import sqlite3
import sys
from typing import Any, BinaryIO

import msgspec

from clawgroups.ledger.pragmas import WRITING

FENCED = "Fenced"  # the class of the error when the database belongs to another server
_LENGTH = 4
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
_encode = msgspec.msgpack.Encoder().encode


def frame(body: Any) -> bytes:
    """``body`` as it goes over a pipe. Raises ValueError or OverflowError for what MessagePack has no form for."""
    made = _encode(body)
    return len(made).to_bytes(_LENGTH, "little") + made


def read(source: BinaryIO) -> dict[str, Any] | None:
    """The next frame; None at the end."""
    head = source.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    size = int.from_bytes(head, "little")
    body = source.read(size)
    return _decode(body) if len(body) == size else None


def answer(connection: sqlite3.Connection, asked: dict[str, Any]) -> dict[str, Any]:
    """Does what is asked, wholly or not at all."""
    if "ask" in asked:
        sql, values = asked["ask"]
        return {"rows": connection.execute(sql, values).fetchall()}
    connection.execute("BEGIN IMMEDIATE")
    if asked["fence"] is not None and connection.execute(*asked["fence"]).rowcount != 1:
        raise Fenced("another server has taken this database over")
    for sql, rows in asked["statements"]:
        connection.executemany(sql, rows)
    connection.execute("COMMIT")
    return {"rows": []}


class Fenced(Exception):
    """The database is another server's now."""


def main(path: str) -> None:
    """Serves until the input ends. The server decides when that is: a signal to the whole group must not be faster."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection: sqlite3.Connection | None = None
    while (asked := read(sys.stdin.buffer)) is not None:
        try:
            connection = connection or _connect(path)
            said = answer(connection, asked)
        except Exception as error:  # the server sorts out whose fault it was, and what follows
            said = {"error": [type(error).__name__, str(error)]}
            if connection is not None and connection.in_transaction:
                connection.rollback()
        sys.stdout.buffer.write(frame(said))
        sys.stdout.buffer.flush()


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in WRITING:
        connection.execute(f"PRAGMA {setting}")
    return connection


if __name__ == "__main__":
    main(sys.argv[1])
