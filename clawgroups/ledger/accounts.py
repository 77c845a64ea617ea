"""Accounts, sign-ins and personal tokens: tables beside the record, and their queries.

They are no part of a group's record: a password's hash must be replaceable, and a sign-in must end without a trace of
its token. Nothing here holds a secret that could be used: passwords are hashed, tokens and keys as SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, String, Table, Text, delete, insert, select, update

from clawgroups.ids import now_ms
from clawgroups.ledger.account_changes import AccountChange, account_changes, load_changes
from clawgroups.ledger.reader import Reader
from clawgroups.ledger.tables import metadata
from clawgroups.ledger.writer import Writer

_ACCOUNT = Text
_HASH = String(64)

accounts = Table(
    "accounts",
    metadata,
    Column("id", _ACCOUNT, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sign_in_name", String(120), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", String(20), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger, nullable=False),
    Column("invite_hash", _HASH, nullable=False),
    Column("invite_until", BigInteger, nullable=False),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("token_hash", _HASH, primary_key=True),
    Column("account", _ACCOUNT, nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("browser", Text, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("account", _ACCOUNT, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("token_hash", _HASH, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)


class Account(Struct, frozen=True, kw_only=True):
    """Who may sign in. ``id`` is the person's id among the members; without a hash no password has been chosen yet."""

    id: str
    name: str
    sign_in_name: str
    password_hash: str
    role: str
    created_at: int
    disabled_at: int = 0
    invite_hash: str = ""
    invite_until: int = 0


class SignIn(Struct, frozen=True, kw_only=True):
    """One browser that is signed in."""

    token_hash: str
    account: str
    created_at: int
    seen_at: int
    expires_at: int
    browser: str


class Token(Struct, frozen=True, kw_only=True):
    """A personal token for programs."""

    id: str
    account: str
    name: str
    token_hash: str
    created_at: int
    seen_at: int = 0


class AccountTables:
    """Reads all of it at once, for it is small; writes through the ledger's one writer."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def load(self) -> tuple[list[Account], list[SignIn], list[Token]]:
        """Everything there is."""
        async with self._reader.frozen() as frozen:
            found = [await frozen.rows(select(table)) for table in (accounts, sign_ins, tokens)]
        return (
            [Account(**row._mapping) for row in found[0]],
            [SignIn(**row._mapping) for row in found[1]],
            [Token(**row._mapping) for row in found[2]],
        )

    async def has_admin(self) -> bool:
        """Whether an admin can sign in, so that a server is not open to everybody."""
        column = accounts.c
        able = select(column.id).where(column.role == "admin", column.password_hash != "", column.disabled_at == 0)
        return bool(await self._reader.rows(able.limit(1)))

    async def put(self, account: Account, change: AccountChange, *, ends: bool = False, new: bool = False) -> None:
        """Writes an account and what was done to it; ``ends``: its sign-ins are over too, in the same transaction."""
        row = msgspec.structs.asdict(account)
        done = msgspec.structs.asdict(change) | {"at": now_ms()}

        def work(connection: Connection) -> None:
            if new:
                connection.execute(insert(accounts).values(row))
            else:
                connection.execute(update(accounts).where(accounts.c.id == account.id).values(row))
            if ends:
                connection.execute(delete(sign_ins).where(sign_ins.c.account == account.id))
            connection.execute(insert(account_changes).values(done))

        await self._writer.beside(work)

    async def changes(self, *, before: int, limit: int) -> list[dict[str, Any]]:
        """What was done to accounts, the newest first; see ``load_changes``."""
        return await load_changes(self._reader, before=before, limit=limit)

    async def begin(self, sign_in: SignIn, over: Sequence[str] = ()) -> None:
        """Writes a sign-in; ``over``: token hashes of others that end with it."""

        def work(connection: Connection) -> None:
            connection.execute(delete(sign_ins).where(sign_ins.c.token_hash.in_(over)))
            connection.execute(insert(sign_ins).values(msgspec.structs.asdict(sign_in)))

        await self._writer.beside(work)

    async def end(self, token_hashes: Sequence[str]) -> None:
        """Sign-ins are over."""
        await self._writer.beside(
            lambda connection: connection.execute(delete(sign_ins).where(sign_ins.c.token_hash.in_(token_hashes)))
        )

    async def put_token(self, token: Token) -> None:
        """Writes a new personal token."""
        row = msgspec.structs.asdict(token)
        await self._writer.beside(lambda connection: connection.execute(insert(tokens).values(row)))

    async def drop_token(self, token_id: str) -> None:
        """A personal token is over."""
        await self._writer.beside(lambda connection: connection.execute(delete(tokens).where(tokens.c.id == token_id)))

    async def seen(self, signed_in: Mapping[str, int], used: Mapping[str, int]) -> None:
        """When sign-ins (by token hash) and tokens (by id) were last seen."""

        def work(connection: Connection) -> None:
            for table, key, times in ((sign_ins, "token_hash", signed_in), (tokens, "id", used)):
                for one, at in times.items():
                    connection.execute(update(table).where(table.c[key] == one).values(seen_at=at))

        await self._writer.beside(work)
