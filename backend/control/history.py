"""Figures over time in bounded memory: fine for the last quarter of an hour, coarse for a day."""

from __future__ import annotations

from collections import deque
from math import inf

from backend.control.shapes import Figures

FINE_S, FINE_FOR_S = 2.0, 15 * 60.0
COARSE_S, COARSE_FOR_S = 30.0, 24 * 3600.0


class History:
    """Keeps what is put into it, oldest first."""

    def __init__(self) -> None:
        self._fine: deque[Figures] = deque(maxlen=int(FINE_FOR_S / FINE_S))
        self._coarse: deque[Figures] = deque(maxlen=int(COARSE_FOR_S / COARSE_S))

    @property
    def last(self) -> Figures | None:
        """The newest, or None."""
        return self._fine[-1] if self._fine else None

    def put(self, figures: Figures) -> None:
        """Adds one. Where the clock was set back, what seems to come after it is forgotten."""
        for kept in (self._fine, self._coarse):
            while kept and kept[-1].at >= figures.at:
                kept.pop()
        if len(self._fine) == self._fine.maxlen:
            oldest = self._fine[0]
            if not self._coarse or oldest.at - self._coarse[-1].at >= COARSE_S:
                self._coarse.append(oldest)
        self._fine.append(figures)

    def since(self, at: float) -> list[Figures]:
        """All that is kept from after a time, oldest first.

        Of a time that has not come yet, all: whoever asks has seen figures from before the clock was set back.
        """
        if self.last is not None and at > self.last.at:
            at = -inf
        return [one for kept in (self._coarse, self._fine) for one in kept if one.at > at]
