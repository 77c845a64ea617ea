"""Identifiers and the clock: the only places where randomness and time enter the program.

A group's id is random and short; everything inside a group is numbered from it
(``k3f9x2mq-17`` is the 17th sub-agent of group ``k3f9x2mq``), so that the pure rules can name new
things without a source of randomness and people can read ids aloud.
"""

from __future__ import annotations

import secrets
import time

_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"  # no look-alikes: 0/o, 1/i/l, u/v


def now_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def new_id(length: int = 8) -> str:
    """A random id of lower-case letters and digits, about 5 bits a character."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_token() -> str:
    """An unguessable token for the link and for sign-in."""
    return secrets.token_urlsafe(32)


def group_of(inner_id: str) -> str:
    """The group id inside a sub-agent's or request's id."""
    return inner_id.split("-", 1)[0]
