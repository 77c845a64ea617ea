"""Words for the terminal. What agents, programs and servers say is hostile there: it could move the cursor or lie."""

from __future__ import annotations

import shlex
import time
import unicodedata
from typing import Any

from clawgroups.errors import Invalid

_KEPT = "\n\t"
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # controls, direction marks, half characters, separators of lines


def safe(text: object) -> str:
    """The text with everything replaced that a terminal would obey instead of showing it."""
    said = str(text)
    if said.isascii() and said.isprintable():
        return said
    return "".join(
        letter if letter in _KEPT or unicodedata.category(letter) not in _HIDDEN else "\N{REPLACEMENT CHARACTER}"
        for letter in said.replace("\r\n", "\n")
    )


def split(text: str, what: str, hint: str = "Close the quotes.") -> list[str]:
    """The words as a shell would split them; ``what`` names them where it cannot. Raises Invalid."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Invalid(f"{what} cannot be read: {error}.", hint=hint) from error


def line(text: object, width: int = 100) -> str:
    """The same on one line, cut where it is longer."""
    flat = " ".join(safe(text).split())
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


def clock(at_ms: int) -> str:
    """The time of day, here."""
    return time.strftime("%H:%M:%S", time.localtime(at_ms / 1000))


def driver_words(driver: dict[str, Any] | None) -> str:
    """Who drives, as the API tells it."""
    return f"{line(driver['name'])} ({driver['kind']}) since {clock(driver['since'])}" if driver else "nobody"


def counts_of(group: dict[str, Any]) -> str:
    """A group's sub-agents by state."""
    told = [f"{count} {state.replace('_', ' ')}" for state, count in group["counts"].items() if count]
    return ", ".join(told) or "none"
