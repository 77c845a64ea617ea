"""Accounts: who may sign in here, with which role. Without an admin's account the server stays on its own machine.

All are held in memory; a change is written first and holds from the next request on. One change at a time, so that
the last admin can neither be taken away nor shut out by two changes at once.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from clawgroups.dispatcher.accounts import rights
from clawgroups.dispatcher.accounts.key_files import HOME_KEY, SET_UP_KEY, KeyFile
from clawgroups.dispatcher.accounts.passwords import Passwords, Tries
from clawgroups.dispatcher.accounts.rights import Role
from clawgroups.dispatcher.accounts.sign_ins import DAY_MS, SignIns, Who, hashed, refuse_sign_in
from clawgroups.dispatcher.accounts.words import sentence
from clawgroups.dispatcher.members.changes import MemberChanges
from clawgroups.errors import Forbidden, Invalid, NotFound, Refused
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Group
from clawgroups.ids import new_token, now_ms
from clawgroups.ledger.account_changes import AccountChange
from clawgroups.ledger.accounts import Account

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

log = logging.getLogger("clawgroups.accounts")
INVITE_MS = 7 * DAY_MS
_SIGN_IN_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,79}")


class Accounts:
    """One per dispatcher."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        ledger, home = dispatcher.ledger, dispatcher.settings.home
        self._tables = ledger.accounts
        self._accounts: dict[str, Account] = {}
        self._changing = asyncio.Lock()
        self.sign_ins = SignIns(self._tables, self._able)
        self.passwords = Passwords()
        self.tries = Tries()
        self.set_up_key = KeyFile(home / SET_UP_KEY)
        self.home_key = KeyFile(home / HOME_KEY)
        self.in_force = False

    async def open(self) -> None:
        """Reads them; without any, makes the key of the first set-up."""
        accounts, browsers, tokens = await self._tables.load()
        self._accounts = {account.id: account for account in accounts}
        self.sign_ins.load(browsers, tokens)
        self._look()
        self.home_key.make()
        if self.in_force:
            self.set_up_key.remove()
        else:
            self.set_up_key.keep()

    async def close(self) -> None:
        """The home's own key is good only while the server runs."""
        self.home_key.remove()
        await self.sign_ins.write_seen()

    def _look(self) -> None:
        able = (one.password_hash and not one.disabled_at for one in self._accounts.values() if one.role == Role.ADMIN)
        self.in_force = self.in_force or any(able)

    def _able(self, account_id: str) -> Account | None:
        """With the person's present name among the members."""
        found = self._accounts.get(account_id)
        if found is None or found.disabled_at:
            return None
        return replace(found, name=self._name_of(account_id))

    def has(self, member_id: str) -> bool:
        """Whether a member has an account."""
        return member_id in self._accounts

    # --- rights --------------------------------------------------------------------------------------

    def role_of(self, actor: str) -> Role | None:
        """What an actor may do; None for one who has no account, or no longer."""
        if not self.in_force:
            return Role.ADMIN
        found = self._able(actor)
        return Role(found.role) if found else None

    def check(self, actor: str, kind: type[cmd.Command], group_id: str = "") -> None:
        """Raises Forbidden when the actor's role does not allow such a command."""
        rights.check(self.role_of(actor), kind, group_id, self._accounts.values())

    def check_answer(self, actor: str, command: cmd.AnswerRequest, group: Group) -> None:
        """The same for what an answer amounts to. What is no open request is left to the rules."""
        request = group.requests.get(command.request)
        amounts = rights.amounts_to(request.kind, command.decision, command.scope) if request else None
        if amounts is not None:
            self.check(actor, amounts, group.id)

    def marked(self, actor: str, command: cmd.Command) -> cmd.Command:
        """The same, with whether the actor may do it for the person at the wheel."""
        if self.in_force and isinstance(command, (cmd.HandBack, cmd.WithdrawTakeOver)):
            return replace(command, by_admin=self.role_of(actor) is Role.ADMIN)
        return command

    def check_deed(self, actor: str, deed: str) -> None:
        """The same for what is no command; see ``rights.DEEDS``."""
        rights.check_deed(self.role_of(actor), deed, self._accounts.values())

    def may(self, actor: str, deed: str) -> bool:
        """Whether ``check_deed`` would let it pass."""
        role = self.role_of(actor)
        return role is not None and rights.reaches(role, rights.DEEDS[deed])

    def by_home_key(self, secret: str) -> Who | None:
        """Whoever can read the home's files is its admin."""
        key = self.home_key.read()
        fits = bool(key) and hmac.compare_digest(key.encode(), secret.encode())
        return Who(name=self._name_of(LOCAL_ADMIN), role=Role.ADMIN, open=True) if fits else None

    def _name_of(self, person: str) -> str:
        member = self._dispatcher.house_members().get(person)
        return member.name if member else person

    # --- looking -------------------------------------------------------------------------------------

    def find(self, account_id: str) -> Account:
        """By id or sign-in name. Raises NotFound."""
        found = self._accounts.get(account_id) or self._named(account_id)
        if found is None:
            raise NotFound(f"There is no account {account_id}.", hint="List them: clawgroups accounts list")
        return found

    def _named(self, sign_in_name: str) -> Account | None:
        wanted = sign_in_name.strip().lower()
        return next((one for one in self._accounts.values() if one.sign_in_name == wanted), None)

    def views(self) -> list[dict[str, Any]]:
        """All of them for an admin."""
        return [self.view(one) for one in sorted(self._accounts.values(), key=lambda one: one.sign_in_name)]

    def view(self, account: Account) -> dict[str, Any]:
        """One, without anything secret."""
        return {
            "id": account.id,
            "name": self._name_of(account.id),
            "sign_in_name": account.sign_in_name,
            "role": account.role,
            "created_at": account.created_at,
            "disabled": bool(account.disabled_at),
            "invited": bool(account.invite_hash) and account.invite_until > now_ms(),
            "has_password": bool(account.password_hash),
            "last_seen": self.sign_ins.last_seen(account.id),
            "browsers": len(self.sign_ins.of(account.id)),
            "tokens": len(self.sign_ins.tokens_of(account.id)),
        }

    # --- signing in ----------------------------------------------------------------------------------

    async def sign_in(
        self, name: str, password: str, *, address: str, browser: str, instead_of: str = ""
    ) -> tuple[str, Who]:
        """(secret of the cookie, who). Raises NotSignedIn, the same for each cause; TooManyTries at once."""
        key = name.strip().lower()
        self.tries.begin(key, address)
        account = self._named(key)
        password_hash = account.password_hash if account is not None else ""
        fits = await self.passwords.fits(password_hash, password)
        account = self._named(key)  # it may have changed meanwhile
        if not fits or account is None or account.disabled_at or account.password_hash != password_hash:
            log.warning("a sign-in as %r from %s was refused", key[:80], address, extra={"action": "sign_in_refused"})
            raise refuse_sign_in()
        self.tries.forgive(key, address)
        return await self.sign_ins.begin(account, browser, instead_of=instead_of)

    async def set_up(self, key: str, name: str, sign_in_name: str, password: str, browser: str) -> tuple[str, Who]:
        """The first admin account, by the one-time key; it takes over the person who was the local admin.

        Raises Forbidden for a key that is used up or wrong, Invalid for the rest.
        """
        if self.in_force or not self.set_up_key.fits(key):
            raise Forbidden("This set-up link is not valid, or was used.", hint="Ask an admin for an invitation.")
        account = await self.first(name, sign_in_name, password, key=key)
        return await self.sign_ins.begin(account, browser)

    async def first(self, name: str, sign_in_name: str, password: str, *, key: str = "") -> Account:
        """The first account: an admin's, who has been the local admin so far. Raises Refused when there is one."""
        signs = _checked(sign_in_name)
        password_hash = await self.passwords.hash(password, name=signs)
        async with self._changing:
            if self.in_force or (key and not self.set_up_key.fits(key)):
                raise Forbidden("This server has been set up already.", hint="Sign in, or ask an admin.")
            await self._rename(LOCAL_ADMIN, name)
            made = Account(
                id=LOCAL_ADMIN, name=self._name_of(LOCAL_ADMIN), sign_in_name=signs, password_hash=password_hash,
                role=Role.ADMIN.value, created_at=now_ms(),
            )  # fmt: skip
            await self._keep(made, "set_up", made.id, new=LOCAL_ADMIN not in self._accounts)
            self.set_up_key.remove()
        self.sign_ins.close_doors(lambda who: who.open)  # they were let in because there was no sign-in
        log.info("sign-in is set up; %s is the first admin", made.name, extra={"action": "set_up"})
        return made

    async def _rename(self, member_id: str, name: str) -> None:
        if name.strip() and name.strip() != self._name_of(member_id):
            changes = MemberChanges(profile={"name": name.strip()})
            await self._dispatcher.registry.change(member_id, changes, member_id)

    # --- what admins do ------------------------------------------------------------------------------

    async def add(
        self, name: str, sign_in_name: str, role: Role, actor: str, *, member: str = ""
    ) -> tuple[str, Account]:
        """(key of its invitation, account), for a new person or one who is a member (``member``).

        Raises Invalid for a sign-in name that is taken, Refused before there is an admin.
        """
        signs = _checked(sign_in_name)
        async with self._changing:
            if not self.in_force:
                hint = "Open the set-up link that the server's log shows, or: clawgroups accounts add NAME --role admin"
                raise Refused("first_admin", "open", "The first account is an admin's, with a password.", hint=hint)
            self._check_free(signs)
            person = await self._person(name, member, actor)
            key = new_token()
            made = Account(
                id=person.id, name=person.name, sign_in_name=signs, password_hash="", role=role.value,
                created_at=now_ms(), invite_hash=hashed(key), invite_until=now_ms() + INVITE_MS,
            )  # fmt: skip
            await self._keep(made, "made", actor, role.value, new=True)
        return key, made

    def _check_free(self, sign_in_name: str) -> None:
        if self._named(sign_in_name) is not None:
            raise Invalid(f"{sign_in_name} is taken.", hint="Choose another sign-in name.", field="sign_in_name")

    async def _person(self, name: str, member: str, actor: str) -> Member:
        registry = self._dispatcher.registry
        if not member:
            return await registry.bring(Member(id="", name=name.strip(), kind=MemberKind.PERSON), "", actor)
        person = registry.find(member)
        if person.kind is not MemberKind.PERSON:
            raise Invalid(f"{person.name} is no person.", hint="Only people sign in.", field="member")
        if member in self._accounts:
            raise Invalid(f"{person.name} has an account.", hint="Change that one.", field="member")
        return person

    async def invite(self, account_id: str, actor: str) -> tuple[str, Account]:
        """A new one-time link, also for somebody who forgot the password: the old one holds until it is used."""
        async with self._changing:
            key = new_token()
            changed = replace(self.find(account_id), invite_hash=hashed(key), invite_until=now_ms() + INVITE_MS)
            return key, await self._keep(changed, "invited", actor)

    def invited(self, key: str) -> Account | None:
        """Whose invitation a key is."""
        wanted, now = hashed(key), now_ms()
        fitting = (one for one in self._accounts.values() if hmac.compare_digest(one.invite_hash, wanted))
        return next((one for one in fitting if one.invite_until > now and not one.disabled_at), None)

    async def accept(self, key: str, password: str, browser: str) -> tuple[str, Who]:
        """The invited person chooses a password and is signed in; the link is used up, other browsers are signed out.

        Raises Forbidden for a link that is not valid (any more), Invalid for the password.
        """
        account = self.invited(key)
        if account is None:
            raise Forbidden("This link is not valid any more.", hint="Ask an admin for a new one.")
        password_hash = await self.passwords.hash(password, name=account.sign_in_name)
        async with self._changing:
            account = self.invited(key)
            if account is None:
                raise Forbidden("This link has just been used.", hint="Sign in, or ask an admin for a new one.")
            changed = replace(account, password_hash=password_hash, invite_hash="", invite_until=0)
            await self._keep(changed, "accepted", account.id, ends=True)
        return await self.sign_ins.begin(changed, browser)

    async def set_role(self, account_id: str, role: Role, actor: str) -> Account:
        """Holds from the next request on; open pages are loaded anew. Raises Refused for the last admin."""
        async with self._changing:
            account = self.find(account_id)
            if role is not Role.ADMIN:
                self._check_not_last(account, "change the role of")
            if account.role == role.value:
                return account
            changed = await self._keep(
                replace(account, role=role.value), "role", actor, f"{account.role} to {role.value}"
            )
        self.sign_ins.close_doors(lambda who: who.id == account.id and not who.open and who.role is not role)
        return changed

    async def set_disabled(self, account_id: str, disabled: bool, actor: str) -> Account:
        """A disabled person is signed out everywhere, at once. Raises Refused for the last admin."""
        async with self._changing:
            account = self.find(account_id)
            if disabled:
                self._check_not_last(account, "disable")
            if bool(account.disabled_at) == disabled:
                return account
            what = "disabled" if disabled else "enabled"
            changed = replace(account, disabled_at=now_ms() if disabled else 0)
            await self._keep(changed, what, actor, ends=disabled)
        if disabled:
            self.sign_ins.close_doors(lambda who: who.id == account.id and not who.open)
        return changed

    async def set_password(self, account_id: str, password: str, actor: str, *, but: str = "") -> Account:
        """All browsers but ``but`` are signed out."""
        account = self.find(account_id)
        password_hash = await self.passwords.hash(password, name=account.sign_in_name)
        async with self._changing:
            account = self.find(account_id)
            changed = replace(account, password_hash=password_hash, invite_hash="", invite_until=0)
            await self._keep(changed, "own_password" if actor == account.id else "password", actor)
        await self.sign_ins.end_all(account.id, but=but)
        return changed

    async def change_password(self, who: Who, old: str, new: str, *, address: str) -> None:
        """A person changes their own; only this browser stays signed in. Raises NotSignedIn for a wrong old one."""
        account = self.find(who.id)
        self.tries.begin(account.sign_in_name, address)
        if not await self.passwords.fits(account.password_hash, old):
            raise Invalid("The present password is not right.", hint="Try again.", field="old")
        self.tries.forgive(account.sign_in_name, address)
        await self.set_password(account.id, new, who.id, but=who.sign_in)

    def _check_not_last(self, account: Account, what: str) -> None:
        others = (
            one.password_hash and not one.disabled_at and one.id != account.id
            for one in self._accounts.values() if one.role == Role.ADMIN
        )  # fmt: skip
        if account.role == Role.ADMIN and not any(others):
            sentence = f"{account.name} is the only admin; you cannot {what} the last one."
            raise Refused("last_admin", account.role, sentence, hint="Make somebody else an admin first.")

    async def changes(self, *, before: int, limit: int) -> list[dict[str, Any]]:
        """What was done to accounts, the newest first, for admins."""
        rows = await self._tables.changes(before=before, limit=limit)
        return [
            row
            | {
                "by_name": self._name_of(row["actor"]),
                "name": self._name_of(row["account"]),
                "words": sentence(row["what"], row["detail"]),
            }
            for row in rows
        ]

    async def _keep(
        self, account: Account, what: str, actor: str, detail: str = "", *, new: bool = False, ends: bool = False
    ) -> Account:
        """Writes it down together with who did what to it."""
        change = AccountChange(actor=actor, account=account.id, what=what, detail=detail)
        await self._tables.put(account, change, new=new, ends=ends)
        self._accounts[account.id] = account
        self._look()
        if ends:
            self.sign_ins.forget({one.token_hash for one in self.sign_ins.of(account.id)})
        return account


def _checked(sign_in_name: str) -> str:
    name = sign_in_name.strip().lower()
    if not _SIGN_IN_NAME.fullmatch(name):
        hint = "Letters, digits and . _ @ + - only, beginning with a letter or digit, 80 at most."
        raise Invalid(f"{sign_in_name[:80]!r} cannot be a sign-in name.", hint=hint, field="sign_in_name")
    return name
