"""Flow control of a terminal's output: so much may be on its way, and no more is read until it was taken."""

from __future__ import annotations

import codecs
from collections import deque

WINDOW = 128 * 1024  # characters that are not acknowledged yet
CHUNK = 32 * 1024  # characters of one message


class Flow:
    """Bytes in, numbered pieces of text out. Holds at most about one window, whatever the shell writes."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = ""
        self._under_way: deque[tuple[int, int]] = deque()  # (number, characters)
        self._open = 0
        self._number = 0

    @property
    def room(self) -> int:
        """How many bytes may be read now; 0 while the window is full."""
        return max(0, WINDOW - self._open - len(self._waiting))

    @property
    def waits(self) -> bool:
        """Whether there is something to send."""
        return bool(self._waiting)

    def add(self, data: bytes) -> str:
        """Takes what was read; returns it as text. A character may be cut in two by a read, and is put together."""
        text = self._decoder.decode(data)
        self._waiting += text
        return text

    def next(self) -> tuple[int, str] | None:
        """The next piece with its number; None when there is none, or the window has no room for it."""
        text = self._waiting[: min(CHUNK, WINDOW - self._open)]
        if not text:
            return None
        self._waiting = self._waiting[len(text) :]
        self._number += 1
        self._under_way.append((self._number, len(text)))
        self._open += len(text)
        return self._number, text

    def taken(self, number: int) -> None:
        """Everything up to ``number`` was shown."""
        while self._under_way and self._under_way[0][0] <= number:
            self._open -= self._under_way.popleft()[1]
