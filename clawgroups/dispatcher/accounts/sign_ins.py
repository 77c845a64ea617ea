"""Who is asking: browsers that are signed in, personal tokens, and the sockets that end with them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from clawgroups.dispatcher.accounts.rights import Role
from clawgroups.errors import ClawError, LedgerError, NotFound, NotSignedIn
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.ids import new_id, new_token, now_ms
from clawgroups.ledger.accounts import Account, AccountTables, SignIn, Token

log = logging.getLogger("clawgroups.accounts")
DAY_MS = 86_400_000
LASTS_MS = 30 * DAY_MS
SEEN_MS = 60_000  # how exactly it is kept when somebody was last seen
SEEN_EVERY_S = 30.0
MOST_BROWSERS = 20  # of one account; the one not seen for longest makes room
MOST_TOKENS = 50
TOKEN_MARK = "claw_"


def hashed(secret: str) -> str:
    """How tokens and keys are kept. They are random, so they need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Who(Struct, frozen=True, kw_only=True):
    """Who is acting. ``open``: there are no accounts, and whoever is on this machine may do everything.

    ``sign_in``, ``token``: hash and id of what it rests on; ``until``: when that is over, in ms (0: it has no end).
    """

    id: str = LOCAL_ADMIN
    name: str = ""
    role: Role = Role.ADMIN
    open: bool = False
    sign_in: str = ""
    token: str = ""
    until: int = 0


class Door:
    """A socket that is open for somebody."""

    def __init__(self, who: Who) -> None:
        self.who = who
        self._over = asyncio.Event()

    def close(self) -> None:
        """They may not be there any more."""
        self._over.set()

    async def wait(self, longest_s: float | None) -> None:
        """Until it is closed, ``longest_s`` seconds at most."""
        with contextlib.suppress(TimeoutError):  # the sign-in has run out by itself
            async with asyncio.timeout(longest_s):
                await self._over.wait()


class SignIns:
    """Held in memory, since every request asks; the tables follow. ``account``: one by id, None where it may not."""

    def __init__(self, tables: AccountTables, account: Callable[[str], Account | None]) -> None:
        self._tables = tables
        self._account = account
        self._browsers: dict[str, SignIn] = {}
        self._tokens: dict[str, Token] = {}
        self._doors: set[Door] = set()
        self._seen: dict[str, int] = {}
        self._used: dict[str, int] = {}

    def load(self, browsers: list[SignIn], tokens: list[Token]) -> None:
        """What the tables hold at the start."""
        self._browsers = {one.token_hash: one for one in browsers}
        self._tokens = {one.token_hash: one for one in tokens}

    # --- who asks ------------------------------------------------------------------------------------

    def by_cookie(self, secret: str) -> Who | None:
        """The person of a browser's cookie; None where it is not, or no longer, signed in."""
        found = self._browsers.get(hashed(secret))
        account = self._account(found.account) if found else None
        now = now_ms()
        if found is None or account is None or found.expires_at <= now:
            return None
        if now - found.seen_at > SEEN_MS:
            self._browsers[found.token_hash] = replace(found, seen_at=now)
            self._seen[found.token_hash] = now
        role = Role(account.role)
        return Who(id=account.id, name=account.name, role=role, sign_in=found.token_hash, until=found.expires_at)

    def by_token(self, secret: str) -> Who | None:
        """The person of a personal token."""
        found = self._tokens.get(hashed(secret))
        account = self._account(found.account) if found else None
        if found is None or account is None:
            return None
        now = now_ms()
        if now - found.seen_at > SEEN_MS:
            self._tokens[found.token_hash] = replace(found, seen_at=now)
            self._used[found.id] = now
        return Who(id=account.id, name=account.name, role=Role(account.role), token=found.id)

    @contextlib.contextmanager
    def hold(self, who: Who) -> Iterator[Door]:
        """A socket is open for ``who``."""
        door = Door(who)
        self._doors.add(door)
        try:
            yield door
        finally:
            self._doors.discard(door)

    def close_doors(self, which: Callable[[Who], bool]) -> None:
        """These sockets end now."""
        for door in list(self._doors):
            if which(door.who):
                door.close()

    # --- browsers ------------------------------------------------------------------------------------

    async def begin(self, account: Account, browser: str, *, instead_of: str = "") -> tuple[str, Who]:
        """Signs a browser in; the secret is for its cookie. ``instead_of``: a sign-in that this one replaces."""
        secret, now = new_token(), now_ms()
        made = SignIn(
            token_hash=hashed(secret), account=account.id, created_at=now, seen_at=now,
            expires_at=now + LASTS_MS, browser=browser[:300],
        )  # fmt: skip
        own = sorted((one for one in self._browsers.values() if one.account == account.id), key=lambda one: one.seen_at)
        over = {one.token_hash for one in own[: max(0, len(own) - MOST_BROWSERS + 1)]}
        over |= {one.token_hash for one in self._browsers.values() if one.expires_at <= now}
        over |= {instead_of} & self._browsers.keys()
        await self._tables.begin(made, sorted(over))
        self.forget(over)
        self._browsers[made.token_hash] = made
        role = Role(account.role)
        return secret, Who(id=account.id, name=account.name, role=role, sign_in=made.token_hash, until=made.expires_at)

    async def end(self, sign_in: str) -> None:
        """Signs one browser out."""
        await self._tables.end([sign_in])
        self.forget({sign_in})

    async def end_all(self, account_id: str, *, but: str = "") -> None:
        """Signs a person out everywhere; ``but``: a browser that stays."""
        over = {h for h, one in self._browsers.items() if one.account == account_id and h != but}
        await self._tables.end(sorted(over))
        self.forget(over)

    def forget(self, over: set[str]) -> None:
        """These are no longer signed in, and their sockets end."""
        for one in over:
            self._browsers.pop(one, None)
            self._seen.pop(one, None)
        self.close_doors(lambda who: who.sign_in in over)

    def of(self, account_id: str) -> list[SignIn]:
        """Browsers in which a person is signed in, the latest first."""
        now = now_ms()
        own = [one for one in self._browsers.values() if one.account == account_id and one.expires_at > now]
        return sorted(own, key=lambda one: -one.seen_at)

    def last_seen(self, account_id: str) -> int:
        """When a person was last here, by browser or token; 0: never."""
        browsers = [one.seen_at for one in self._browsers.values() if one.account == account_id]
        return max([*browsers, *(token.seen_at for token in self.tokens_of(account_id))], default=0)

    # --- personal tokens -----------------------------------------------------------------------------

    def tokens_of(self, account_id: str) -> list[Token]:
        """A person's tokens, the newest first."""
        own = [token for token in self._tokens.values() if token.account == account_id]
        return sorted(own, key=lambda token: -token.created_at)

    async def make_token(self, account_id: str, name: str) -> tuple[str, Token]:
        """A new token; its secret is told this once. Raises ClawError when there are too many."""
        if len(self.tokens_of(account_id)) >= MOST_TOKENS:
            raise ClawError(f"You have {MOST_TOKENS} tokens.", hint="Remove one first.", code="too_many_tokens")
        secret = TOKEN_MARK + new_token()
        made = Token(id=new_id(), account=account_id, name=name, token_hash=hashed(secret), created_at=now_ms())
        await self._tables.put_token(made)
        self._tokens[made.token_hash] = made
        return secret, made

    async def drop_token(self, account_id: str, token_id: str) -> None:
        """It works no more, and its sockets end. Raises NotFound."""
        found = next((token for token in self.tokens_of(account_id) if token.id == token_id), None)
        if found is None:
            raise NotFound(f"You have no token {token_id}.", hint="List them at /me/tokens.")
        await self._tables.drop_token(token_id)
        self._tokens.pop(found.token_hash, None)
        self._used.pop(token_id, None)
        self.close_doors(lambda who: who.token == token_id)

    # --- when they were seen -------------------------------------------------------------------------

    async def run(self) -> None:
        """Writes down from time to time who was seen; nobody waits for it."""
        while True:
            await asyncio.sleep(SEEN_EVERY_S)
            await self.write_seen()

    async def write_seen(self) -> None:
        """Writes what is new; that it cannot be written harms nobody, and is logged."""
        seen, self._seen = self._seen, {}
        used, self._used = self._used, {}
        if not seen and not used:
            return
        try:
            await self._tables.seen(seen, used)
        except LedgerError as error:
            log.warning("when people were seen could not be kept: %s", error, extra={"action": "seen_lost"})


def refuse_sign_in() -> NotSignedIn:
    """The same words whatever was wrong, so that nobody learns which names there are."""
    return NotSignedIn("This name and password do not fit together.", hint="Try again, or ask an admin for a new link.")
