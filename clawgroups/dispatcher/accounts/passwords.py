"""Passwords: hashed with argon2 in threads, a few at a time; and how often one may try a wrong one."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from clawgroups.errors import Invalid, TooManyTries

T = TypeVar("T")
SHORTEST, LONGEST = 10, 500
AT_ONCE = 2  # each hash takes 64 MiB for a tenth of a second
MOST_WAITING = 20
LONGEST_WAIT_S = 300.0
FORGET_S = 3_600.0
MOST_KEPT = 20_000
FREE = {"pair": 5, "address": 20, "name": 50}
"""Wrong passwords without any wait: for a name from one address, from an address, for a name from anywhere.

The last is large, so that strangers cannot keep somebody out by trying.
"""


class Passwords:
    """Makes and checks hashes off the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str, *, name: str = "") -> str:
        """A fresh hash. Raises Invalid for a password that is too short, too long or the sign-in name."""
        check_new(password, name)
        return await self._run(lambda: self._hasher.hash(password))

    async def fits(self, password_hash: str, password: str) -> bool:
        """Whether it is the one. An empty hash never fits, and takes as long to find out."""
        if not self._nobody:
            self._nobody = await self._run(lambda: self._hasher.hash("nobody's password"))
        against = password_hash or self._nobody
        return await self._run(lambda: self._verify(against, password[:LONGEST])) and bool(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise TooManyTries("Too many people sign in at this moment.", wait_s=2, hint="Try again in two seconds.")
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def check_new(password: str, name: str = "") -> None:
    """Raises Invalid for one that is not to be used."""
    if len(password) < SHORTEST:
        told = f"A password has at least {SHORTEST} characters; this one has {len(password)}."
        raise Invalid(told, hint="A few words in a row are easy to keep in mind.", field="password")
    if len(password) > LONGEST:
        raise Invalid(f"A password has at most {LONGEST} characters.", hint="Shorten it.", field="password")
    if name and password.strip().lower() == name.strip().lower():
        raise Invalid("The password is the sign-in name.", hint="Choose another.", field="password")


class _Kept(Struct):
    count: int = 0
    until: float = 0.0
    last: float = 0.0


class Tries:
    """Counts wrong passwords; after the free ones each costs a wait that doubles. Nobody is kept waiting on a line:
    who comes too early is told so at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()

    def begin(self, name: str, address: str) -> None:
        """Counts a try before it is known whether it is right. Raises TooManyTries while one has to wait."""
        now = self._clock()
        keys = _keys(name, address)
        wait = max((kept.until - now for key in keys if (kept := self._of(key, now))), default=0.0)
        if wait > 0:
            seconds = int(wait) + 1
            told = f"Too many wrong passwords: wait {seconds} second{'s' if seconds > 1 else ''}."
            raise TooManyTries(told, wait_s=seconds, hint="The wait grows with each wrong password. Then try again.")
        for key in keys:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            kept.count, kept.last = kept.count + 1, now
            over = kept.count - FREE[key[0]]
            if over >= 0:
                kept.until = now + min(LONGEST_WAIT_S, 2.0 ** min(over, 10))
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def forgive(self, name: str, address: str) -> None:
        """It was right: what was counted for this name from here is forgotten, and this try everywhere."""
        pair, of_address, of_name = _keys(name, address)
        self._kept.pop(pair, None)
        for key in (of_address, of_name):
            kept = self._kept.get(key)
            if kept is not None:
                kept.count, kept.until = max(0, kept.count - 1), 0.0

    def _of(self, key: tuple[str, ...], now: float) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is not None and now - kept.last > FORGET_S:
            del self._kept[key]
            return None
        return kept


def _keys(name: str, address: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return ("pair", name, address), ("address", address), ("name", name)
