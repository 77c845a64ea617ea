"""How connections to a SQLite ledger are set up, by whichever process opens one."""

from __future__ import annotations

LOCKED_S = 20  # how long the writer waits for another program that holds the file

WRITING = (
    f"busy_timeout={LOCKED_S * 1_000}",
    # A turn of some KB leaves half of a page of the usual 4 KiB empty. Only a new file can choose; an older one stays.
    "page_size=8192",
    "cache_size=-16000",
    # Busy pages are written many times; each time the log is folded into the file costs a second sync of both.
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=4000",
    "journal_size_limit=67108864",
)
READING = ("busy_timeout=5000", "query_only=ON", "cache_size=-8000")
