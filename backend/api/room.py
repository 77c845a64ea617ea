"""Memory that all requests share: a sum of bytes that is never passed, whoever sends how much of it at once."""

from __future__ import annotations

import threading
from collections import deque

from backend.api.faults import NoRoom
from backend.errors import RequestRefused

BODY_BYTES = 2**30
"""Of bodies of all requests that are being read or answered."""
PIXEL_BYTES = 2**31
"""Of pixels of all requests that wait or run; a screenshot of 1,920 by 1,080 has 25 MB."""


class Room:
    """``limit`` bytes for ``what``. From any thread; ``give`` also while garbage is collected, so it takes no lock."""

    def __init__(self, limit: int, what: str) -> None:
        self.limit = limit
        self._what = what
        self._taken = 0
        self._given: deque[int] = deque()
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes that are taken just now."""
        with self._lock:
            return self._count()

    def take(self, size: int) -> None:
        """Raises NoRoom (429) while others hold too much, RequestRefused (400) for what would not even fit alone."""
        if size > self.limit:
            raise RequestRefused(
                f"{self._what} of this request take {_mib(size)} MiB; there is room for {_mib(self.limit)} MiB.",
                "Send fewer or smaller ones.",
            )
        with self._lock:
            held = self._count()
            if held + size > self.limit:
                raise NoRoom(
                    f"{self._what} of all requests that wait or run take {_mib(held)} of {_mib(self.limit)} MiB: "
                    f"there is no room for {_mib(size)} MiB more.",
                    "Try again in a moment, with fewer requests at once, or send fewer or smaller images.",
                )
            self._taken += size

    def give(self, size: int) -> None:
        """``size`` bytes that were taken are not held any more."""
        self._given.append(size)

    def _count(self) -> int:
        while self._given:
            self._taken -= self._given.popleft()
        return self._taken


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f}"
