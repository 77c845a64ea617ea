"""Accounts, sign-ins and tokens in both kinds of database, written by the ledger's one writer beside the record."""

from __future__ import annotations

import asyncio

import pytest
from ledger_rig import ask, commit_of, founded, noted
from msgspec.structs import replace

from clawgroups.errors import LedgerStopped
from clawgroups.ledger.account_changes import AccountChange
from clawgroups.ledger.accounts import Account, SignIn, Token
from clawgroups.ledger.faults import BadRow
from clawgroups.ledger.ledger import Ledger

ADA = Account(id="you", name="Ada", sign_in_name="ada", password_hash="$argon2id$", role="admin", created_at=1)
VI = Account(id="vi", name="Vi ✓", sign_in_name="vi", password_hash="", role="viewer", created_at=2, invite_hash="i")

DONE = AccountChange(actor="you", account="vi", what="made", detail="viewer")


def sign_in(mark: str, account: str = "you") -> SignIn:
    return SignIn(token_hash=mark * 64, account=account, created_at=3, seen_at=4, expires_at=5, browser="Firefox")


def token(mark: str, account: str = "you") -> Token:
    return Token(id=mark, account=account, name="laptop", token_hash=mark * 64, created_at=6)


async def test_everything_is_read_back_as_it_was_written(ledger: Ledger, database_url: str) -> None:
    tables = ledger.accounts
    await tables.put(ADA, DONE, new=True)
    await tables.put(VI, DONE, new=True)
    for mark in "ab":
        await tables.begin(sign_in(mark))
    await tables.put_token(token("t"))
    changed = replace(VI, role="driver", password_hash="h", disabled_at=9, invite_hash="", invite_until=0)
    await tables.put(changed, DONE)
    accounts, browsers, tokens = await tables.load()
    assert sorted(accounts, key=lambda one: one.id) == [changed, ADA]
    assert sorted(browsers, key=lambda one: one.token_hash) == [sign_in("a"), sign_in("b")]
    assert tokens == [token("t")]
    assert await ask(database_url, "SELECT count(*) FROM events") == [(0,)]


async def test_sign_ins_end_with_what_ends_them(ledger: Ledger) -> None:
    tables = ledger.accounts
    await tables.put(ADA, DONE, new=True)
    await tables.put(VI, DONE, new=True)
    for mark, account in (("a", "you"), ("b", "you"), ("c", "vi"), ("d", "vi")):
        await tables.begin(sign_in(mark, account))
    await tables.end(["a" * 64])
    await tables.begin(sign_in("e"), ["b" * 64])
    await tables.put(replace(VI, disabled_at=7), DONE, ends=True)
    assert (await tables.load())[1] == [sign_in("e")]
    await tables.put_token(token("t"))
    await tables.drop_token("t")
    assert (await tables.load())[2] == []


async def test_when_somebody_was_seen_is_written_for_those_that_are_still_there(ledger: Ledger) -> None:
    tables = ledger.accounts
    await tables.begin(sign_in("a"))
    await tables.put_token(token("t"))
    await tables.seen({"a" * 64: 50, "gone" * 16: 51}, {"t": 52})
    _, browsers, tokens = await tables.load()
    assert [one.seen_at for one in (*browsers, *tokens)] == [50, 52]


async def test_a_sign_in_name_is_taken_once_and_that_stops_nothing(ledger: Ledger) -> None:
    await ledger.accounts.put(ADA, DONE, new=True)
    with pytest.raises(BadRow):
        await ledger.accounts.put(replace(VI, sign_in_name="ada"), DONE, new=True)
    assert not ledger.writer.stopped
    assert [one.id for one in (await ledger.accounts.load())[0]] == ["you"]
    house = founded("g")
    await ledger.writer.commit([commit_of(house)])
    assert await ledger.reader.seq("g") == house.group.seq


async def test_an_admin_who_can_come_in_is_what_opens_a_server(ledger: Ledger) -> None:
    tables = ledger.accounts
    assert not await tables.has_admin()
    await tables.put(VI, DONE, new=True)
    await tables.put(replace(ADA, password_hash=""), DONE, new=True)
    assert not await tables.has_admin()
    await tables.put(replace(ADA, disabled_at=1), DONE)
    assert not await tables.has_admin()
    await tables.put(ADA, DONE)
    assert await tables.has_admin()


async def test_commits_and_accounts_share_one_writer_without_getting_in_each_others_way(ledger: Ledger) -> None:
    decision = founded("g")
    await ledger.writer.commit([commit_of(decision)])

    async def record() -> None:
        present = decision
        for number in range(40):
            present = noted(present.group, f"rules {number}")
            await ledger.writer.commit([commit_of(present)])

    await asyncio.gather(record(), *(ledger.accounts.begin(sign_in(mark)) for mark in "0123456789abcdef"))
    assert len((await ledger.accounts.load())[1]) == 16
    assert (await ledger.reader.load_group("g")).rules == "rules 39"
    assert await ledger.reader.verify("g") == []


async def test_a_server_that_lost_its_database_to_another_writes_no_account(ledger: Ledger, database_url: str) -> None:
    await ask(database_url, "UPDATE ledger_owner SET token = 'another'")
    with pytest.raises(LedgerStopped, match="taken this database over"):
        await ledger.accounts.put(ADA, DONE, new=True)
    assert (await ledger.accounts.load())[0] == []


async def test_what_was_done_is_written_with_the_account_or_not_at_all(ledger: Ledger) -> None:
    tables = ledger.accounts
    await tables.put(ADA, DONE, new=True)
    with pytest.raises(BadRow):
        await tables.put(replace(VI, sign_in_name="ada"), replace(DONE, detail="refused"), new=True)
    for number in range(5):
        await tables.put(replace(ADA, disabled_at=number), replace(DONE, what="role", detail=str(number)))
    newest = await tables.changes(before=0, limit=3)
    assert [(row["what"], row["detail"]) for row in newest] == [("role", "4"), ("role", "3"), ("role", "2")]
    older = await tables.changes(before=newest[-1]["seq"], limit=100)
    assert [row["detail"] for row in older] == ["1", "0", "viewer"]
    assert all(row["at"] > 0 and row["actor"] == "you" for row in [*newest, *older])


async def test_the_database_itself_keeps_what_was_done(ledger: Ledger, database_url: str) -> None:
    await ledger.accounts.put(ADA, DONE, new=True)
    for statement in ("UPDATE account_changes SET actor = 'nobody'", "DELETE FROM account_changes"):
        with pytest.raises(Exception, match="append-only"):
            await ask(database_url, statement)
    assert len(await ledger.accounts.changes(before=0, limit=10)) == 1
