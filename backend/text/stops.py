"""Stop strings: they end an answer wherever they begin and end, and are not part of it."""

from __future__ import annotations

from collections.abc import Sequence

from backend.errors import RequestRefused
from backend.text.scanner import Scanner

MOST_STOPS = 32
LONGEST_STOP = 1_024  # characters


class Stops:
    """Watches one answer. ``found`` is the stop string that ended it, "" while none has."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._scanner = Scanner(stops) if stops else None
        self.found = ""

    @property
    def idle(self) -> bool:
        """Whether there was no stop string yet, and nothing is held back that may be the beginning of one."""
        return not self.found and (self._scanner is None or not self._scanner.holding)

    def feed(self, text: str) -> str:
        """What of the text so far is sure to belong to the answer. Nothing after a stop string."""
        if self.found:
            return ""
        if self._scanner is None:
            return text
        before, self.found, _ = self._scanner.feed(text)
        return before

    def finish(self) -> str:
        """What was held back, when the answer ends without a stop string."""
        return "" if self.found or self._scanner is None else self._scanner.finish()


def checked(stop: str | Sequence[str] | None) -> list[str]:
    """Stop strings as a list. Raises RequestRefused for too many, too long or empty ones."""
    stops = [stop] if isinstance(stop, str) else list(stop or ())
    if len(stops) > MOST_STOPS or any(len(one) > LONGEST_STOP for one in stops):
        raise RequestRefused(
            f"stop: at most {MOST_STOPS} strings of at most {LONGEST_STOP} characters are watched for.",
            "Send fewer or shorter ones.",
        )
    if not all(stops):
        raise RequestRefused("stop: an empty string would stop every answer at once.", "Leave it out.")
    return stops
