"""The log of an engine: the last lines in memory, numbered, and files that take turns on disk."""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

KEPT_LINES = 5_000
LONGEST_LINE = 8_192  # characters
FILE_BYTES, FILES = 16 * 2**20, 5
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
HIDDEN = "[hidden]"


class _Private(RotatingFileHandler):
    """Files that only their owner reads, also after one has taken the place of another."""

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        os.fchmod(stream.fileno(), 0o600)
        return stream


class Journal:
    """Lines of one engine over all its starts. ``secrets`` are words that must not stand in it, such as API keys."""

    def __init__(self, path: Path, secrets: tuple[str, ...] = ()) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._secrets = tuple(secret for secret in secrets if secret)
        self._lines: deque[tuple[int, str]] = deque(maxlen=KEPT_LINES)
        self._number = 0
        self._file = _Private(path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8")

    def hide(self, secrets: tuple[str, ...]) -> None:
        """From now on these words must not stand in it either."""
        self._secrets = tuple(dict.fromkeys((*self._secrets, *filter(None, secrets))))

    def write(self, line: str) -> str:
        """Keeps a line and returns it as it was kept: without control characters, cut, and without secrets."""
        line = CONTROLS.sub("", line.rstrip())
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        line = line[:LONGEST_LINE]
        self._number += 1
        self._lines.append((self._number, line))
        self._file.emit(logging.LogRecord("sglang", logging.INFO, "", 0, line, None, None))
        return line

    @property
    def number(self) -> int:
        """The number of the last line; they begin with 1."""
        return self._number

    def after(self, number: int) -> list[tuple[int, str]]:
        """The lines after a number that are still kept, oldest first."""
        return [one for one in self._lines if one[0] > number]

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
