"""The installation's members: an ordinary group with the id ``house``, so that its changes are on record too."""

from __future__ import annotations

import asyncio
import getpass
import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from clawgroups.dispatcher.backend.member import MEMBER, OWN_KEY
from clawgroups.dispatcher.founding.templates import BUNDLED_MEMBERS
from clawgroups.dispatcher.members.changes import MemberChanges, changed
from clawgroups.dispatcher.views import HOUSE, member_view
from clawgroups.errors import ClawError, Invalid, LedgerStopped, LinkError, NotFound, Refused
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Group
from clawgroups.ids import new_id
from clawgroups.link import messages as ms

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher


class Registry:
    """Adds, lists, changes, tests and removes members."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._changing = asyncio.Lock()  # a change reads what it changes

    async def open(self) -> None:
        """Makes the house at first start; bundled members follow the program's version."""
        desk = self._dispatcher.desk
        if HOUSE not in desk.groups:
            you = Member(id=LOCAL_ADMIN, name=_own_name(), kind=MemberKind.PERSON, description="The local admin")
            program = BUNDLED_MEMBERS[0]
            create = cmd.CreateGroup(
                group=HOUSE, name="House", goal="The members of this installation.", conductor=program.id,
                members=(you, program),
            )  # fmt: skip
            await desk.post(HOUSE, create, "dispatcher")
        for member in BUNDLED_MEMBERS:
            await desk.post(HOUSE, cmd.AddMember(member), "dispatcher")
        for member in self.members():  # a crash may have come between the house and its groups
            await self._tell_groups(member)

    def members(self) -> list[Member]:
        """People first, then models, then programs."""
        order = {MemberKind.PERSON: 0, MemberKind.MODEL: 1, MemberKind.PROGRAM: 2}
        return sorted(self._dispatcher.house_members().values(), key=lambda m: (order[m.kind], m.name.lower()))

    def views(self) -> list[dict[str, Any]]:
        """All members with their load over all groups."""
        return [self.view(member) for member in self.members()]

    def view(self, member: Member) -> dict[str, Any]:
        """One member with its load over all groups, and what its last test said."""
        return member_view(member, self._dispatcher.loads.of(member.id), self._dispatcher.health.said.get(member.id))

    def find(self, member_id: str) -> Member:
        """One member. Raises NotFound."""
        member = self._dispatcher.house_members().get(member_id)
        if member is None:
            raise NotFound(f"There is no member {member_id}.", hint="See the members page.")
        return member

    async def add(self, member: Member, api_key: str, actor: str) -> Member:
        """Brings a member into the house; its key goes to the key file, never into the ledger.

        Raises Forbidden, Invalid for a name that is taken or a kind without its settings.
        """
        self._dispatcher.accounts.check_deed(actor, "members")
        return await self.bring(member, api_key, actor)

    async def bring(self, member: Member, api_key: str, actor: str) -> Member:
        """The same where the right to do it was looked at already."""
        async with self._changing:
            self._check_new(member, "")
            member = replace(member, id=_id_of(member.name, self._dispatcher.house_members()), bundled=False)
            return await self._put(member, api_key, actor)

    async def change(self, member_id: str, changes: MemberChanges, actor: str) -> Member:
        """Changes a member, in the house and in every group that is open.

        Who drives now goes on with what it was given; the change holds from its next time at the wheel.
        Raises Refused for a bundled member, Invalid for a name that is taken or what the member's kind has not.
        """
        self._dispatcher.accounts.check_deed(actor, "members")
        async with self._changing:
            member = self.find(member_id)
            if member.bundled:
                sentence = f"{member.name} comes with the program and is as that has it."
                raise Refused("bundled", "bundled", sentence, hint="Add a member of your own with other settings.")
            if _of_house(member) and (changes.api_key is not None or "key_ref" in changes.model):
                sentence = f"The key of {member.name} is the house's own: the backend is started here with it."
                raise Refused("own_key", "backend", sentence, hint="Leave the key as it is.")
            made = changed(member, changes)
            self._check_new(made, member_id)
            made = await self._put(made, changes.api_key or "", actor)
            self._dispatcher.health.forget(member_id)  # what was tested is another member now
            if _kept_key(member) != _kept_key(made):
                self._dispatcher.keys.forget(_kept_key(member))
            return made

    async def put_own(self, member: Member) -> None:
        """Records a member that the house itself looks after: the backend, as it serves now. Raises Invalid."""
        async with self._changing:
            self._check_new(member, member.id)
            await self._put(member, "", "dispatcher")
            self._dispatcher.health.forget(member.id)

    async def _put(self, member: Member, api_key: str, actor: str) -> Member:
        """Records a member as it is from now on, and tells it to the groups.

        Its key gets a name that never comes again: ids do after a removal, groups may still hold the former member, and
        whatever fails on the way, no record names a key that is not there.
        """
        fresh = f"{member.id}-{new_id(6)}" if api_key else ""
        if fresh and member.model is not None:
            key_ref = self._dispatcher.keys.keep(fresh, api_key)
            member = replace(member, model=replace(member.model, key_ref=key_ref))
        try:
            await self._dispatcher.desk.post(HOUSE, cmd.AddMember(member), actor)
        except ClawError as error:
            if not isinstance(error, LedgerStopped):  # then it may have been written all the same
                self._dispatcher.keys.forget(fresh)
            raise
        await self._tell_groups(member)
        return member

    async def _tell_groups(self, member: Member) -> None:
        """Open groups have members of their own; one that ends meanwhile needs to hear nothing."""
        groups = [group for group in self._dispatcher.open_groups() if not group.ended_at]
        for answer in await asyncio.gather(*(self._tell(group, member) for group in groups), return_exceptions=True):
            if isinstance(answer, BaseException) and not isinstance(answer, NotFound):
                raise answer

    async def freshen(self, group: Group) -> None:
        """A group that comes into use, or back, gets the members as they are now: a former one's key may be gone."""
        for member in self._dispatcher.house_members().values():
            await self._tell(group, member)

    async def _tell(self, group: Group, member: Member) -> None:
        if group.members.get(member.id, member) != member:
            await self._dispatcher.desk.post(group.id, cmd.AddMember(member), "dispatcher")

    async def remove(self, member_id: str, actor: str) -> None:
        """Takes a member off the list and forgets its key. Raises Refused while a group needs it, Invalid for ours."""
        self._dispatcher.accounts.check_deed(actor, "members")
        async with self._changing:
            member = self.find(member_id)
            if self._dispatcher.accounts.has(member_id):
                sentence = f"{member.name} has an account and stays on record."
                raise Refused("has_account", "account", sentence, hint="Disable the account on the people page.")
            if member.bundled or member.id == LOCAL_ADMIN:
                raise Invalid(f"{member.name} belongs to the installation and stays.", hint="Groups need not use it.")
            if member.id == MEMBER and self._dispatcher.backend.config.source:
                sentence = f"{member.name} is the member of the backend that is set here."
                raise Refused("own_member", "backend", sentence, hint="Set no backend on its page first.")
            for group in self._dispatcher.open_groups():
                if not group.ended_at and _is_needed(member.id, group):
                    sentence = f"{member.name} is to drive in group {group.name!r}, which is {group.status.value}."
                    hint = "Reassign its sub-agents first, or end the group."
                    raise Refused("in_use", group.status.value, sentence, hint=hint)
            await self._dispatcher.desk.post(HOUSE, cmd.RemoveMember(member_id), actor)
            self._dispatcher.keys.forget(_kept_key(member))
            self._dispatcher.health.forget(member_id)
            self._dispatcher.loads.forget(member_id)

    def _check_new(self, member: Member, replaces: str) -> None:
        """Raises Invalid for a name that another member than the one it replaces has, and for what is not whole."""
        _check(member)
        if any(known.name.lower() == member.name.lower() and known.id != replaces for known in self.members()):
            taken = f"There is a member named {member.name!r} already."
            raise Invalid(taken, hint="Choose another name.", field="name")
        if member.name in self._dispatcher.house_members().keys() - {member.id, replaces}:
            taken = f"{member.name!r} is the id of another member, and would mean that one."
            raise Invalid(taken, hint="Choose another name.", field="name")

    async def test(self, member_id: str) -> dict[str, Any]:
        """Whether the member works, from the runner's own place: ok, sentence, hint, ms."""
        member = self.find(member_id)
        return await self._dispatcher.health.test(member_id, lambda: self.try_out(member, ""))

    async def try_out(self, member: Member, api_key: str) -> dict[str, Any]:
        """The same for one that need not be in the house yet. ``api_key``: a key that is kept nowhere."""
        _check(member)
        secret = api_key
        if member.model is not None and not secret:
            try:
                secret = self._dispatcher.keys.read(member.model.key_ref)
            except ClawError as error:
                return {"ok": False, "sentence": error.sentence, "hint": error.hint, "ms": 0}
        answer: dict[str, Any] = await self._ask(ms.Ask(id=0, what="probe", member=member, secret=secret))
        return answer

    async def offers(self) -> list[dict[str, Any]]:
        """Model endpoints found on the runner's machine that are no members yet."""
        found = await self._ask(ms.Ask(id=0, what="discover"))
        known = {(m.model.base_url, m.model.model) for m in self.members() if m.model is not None}
        return [offer for offer in found if (offer["base_url"], offer["model"]) not in known]

    async def _ask(self, ask: ms.Ask) -> Any:
        link = self._dispatcher.crew.any_link()
        if link is None:
            raise LinkError("No runner is up.", hint="It is being started; try again in a moment.")
        return await link.ask(ask)


def _is_needed(member_id: str, group: Group) -> bool:
    """Whether it drives there, is to drive, or will be given what the conductor assigns next."""
    named = {group.conductor, group.worker, *(role.member for role in group.roles.values())}
    for agent in group.agents.values():
        if not agent.ended:
            named |= {agent.member, agent.former, agent.driver.member if agent.driver else ""}
    return member_id in named


def _of_house(member: Member) -> bool:
    """Whether its key is the house's: that of a backend that is started here."""
    return member.model is not None and member.model.key_ref == OWN_KEY


def _kept_key(member: Member) -> str:
    """The name of its key in the key file; empty where it has none there, or one that is not its own to forget."""
    if _of_house(member):
        return ""
    kind, _, name = member.model.key_ref.partition(":") if member.model is not None else ("", "", "")
    return name if kind == "secret" else ""


def _check(member: Member) -> None:
    if not member.name.strip():
        raise Invalid("A member needs a name.", field="name")
    if member.kind is MemberKind.MODEL and member.model is None:
        raise Invalid("A model needs its endpoint.", hint="Give base_url and model.")
    if member.kind is MemberKind.PROGRAM and (member.program is None or not member.program.command):
        raise Invalid("A program needs its command.", hint="Give the command as a list of words.")


def _id_of(name: str, known: dict[str, Member]) -> str:
    """A readable id from the name; with a suffix when it is taken."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "member"
    return base if base not in known else f"{base}-{new_id(4)}"


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "You"
