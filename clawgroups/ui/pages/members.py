"""The members of this installation: who they are, whether they work, and how new ones come in."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError
from clawgroups.group.members import Member
from clawgroups.ui.components.form.form import Body, Form
from clawgroups.ui.components.member_list.member_list import MemberList
from clawgroups.ui.components.offers.offers import Offers
from clawgroups.ui.components.style import own_style
from clawgroups.ui.pages.members_edit import edit_form, edited
from clawgroups.ui.pages.members_forms import FORMS, member_of
from clawgroups.ui.parts import link, press, text
from clawgroups.ui.person import person, why_no_deed
from clawgroups.ui.shell import frame, report, say

EVERY_S = 2.0


def register(house: Dispatcher) -> None:
    """Adds the page ``/members``."""

    @ui.page("/members")
    async def members() -> None:
        with frame("Members", active="members"), ui.element("div").classes("members-page") as root:
            own_style(root, __file__)
            room = MembersRoom(house)
        ui.timer(EVERY_S, room.look)
        ui.timer(0, room.offers.look, once=True)


class MembersRoom:
    """One viewer's page."""

    def __init__(self, house: Dispatcher) -> None:
        self.house = house
        off = bool(why_no_deed(house, "members"))
        with ui.element("div").classes("members-left"):
            link("Add a member", "#add", "btn btn-primary members-jump").set_visibility(not off)
            self.offers = Offers(house, self._added, quiet=off)
            self.offers.set_visibility(not off)
            link("Who may sign in here, and as what: people and tokens", "/people", "members-people")
            self.list = MemberList(person().id, self._test, self._remove, self._edit)
        with ui.element("section").classes("card members-add").props('id=add aria-labelledby="add-title"'):
            with ui.element("div") as self._adding:
                text("Add a member", "").props('id=add-title role="heading" aria-level="2"').classes("form-title")
                self._forms()
            self._editing = ui.element("div").classes("members-edit")
        self.look()

    def _forms(self) -> None:
        off = why_no_deed(self.house, "members")
        if off:
            text(off, "members-said")
            return
        self._kinds: dict[str, ui.element] = {}
        self._panels: dict[str, ui.element] = {}
        with ui.element("div").classes("seg members-kinds").props('role=group aria-label="Kind of member"'):
            for kind, shape in FORMS.items():
                self._kinds[kind] = press(shape.label, partial(self.open, kind), "")
        for kind, shape in FORMS.items():
            with ui.element("div").props(f"data-kind={kind}") as panel:
                self._panels[kind] = panel
                text(shape.about, "members-said")
                form = shape.form(kind)
                form.on_done(self._arrived)
                form.on_act(partial(self._try_out, form))
        self.open("model")

    def open(self, kind: str) -> None:
        """Shows one form."""
        for name, panel in self._panels.items():
            panel.set_visibility(name == kind)
            self._kinds[name].props(f"aria-pressed={str(name == kind).lower()}")

    def look(self) -> None:
        """Shows what is so now."""
        self.list.show(self.house.registry.views(), self.house.health.busy)

    # --- what a person does --------------------------------------------------------------------------

    async def _test(self, member_id: str) -> None:
        try:
            self.house.accounts.check_deed(person().id, "test")
            if member_id in self.house.health.busy:
                return
            self.list.show(self.house.registry.views(), {*self.house.health.busy, member_id})
            await self.house.registry.test(member_id)
        except ClawError as error:
            report(error)
        self.look()

    async def _remove(self, member_id: str) -> None:
        try:
            name = self.house.registry.find(member_id).name
            await self.house.registry.remove(member_id, person().id)
            say(f"{name} is no longer a member.", kind="ok")
        except ClawError as error:
            report(error)
        self.look()
        await self.offers.look()

    # --- one that is changed -------------------------------------------------------------------------

    async def _edit(self, member_id: str) -> None:
        """Opens the form of one in the place of those that add."""
        try:
            member = self.house.registry.find(member_id)
        except ClawError as error:
            report(error)
            return
        self._editing.clear()
        self._adding.set_visibility(False)
        with self._editing:
            with ui.element("div").classes("row members-edit-head"):
                text(f"Change {member.name}", "form-title").props('role="heading" aria-level="2"')
                press("Cancel", partial(self._shut, member_id), "btn btn-small btn-ghost")
            text(
                "Who drives now goes on as it began; the change holds from its next turn at the wheel.", "members-said"
            )
            form = edit_form(member)
        form.on_done(partial(self._saved, member_id))
        form.on_act(partial(self._try_edited, form, member_id))
        form.begin()

    def _shut(self, member_id: str) -> None:
        self._editing.clear()
        self._adding.set_visibility(True)
        self.list.return_to(member_id)

    async def _saved(self, member_id: str, view: Body) -> None:
        say(f"{view.get('name')} is changed.", kind="ok")
        self._shut(member_id)
        self.look()
        if view.get("kind") != "person":
            await self._test(member_id)
        await self.offers.look()

    async def _try_edited(self, form: Form, member_id: str, _act: str, body: Body) -> None:
        try:
            member, key = edited(self.house.registry.find(member_id), body)
        except ClawError as error:
            form.result(error.sentence, error.hint, ok=False)
            return
        await self._try(form, member, key)

    # --- one that is added ---------------------------------------------------------------------------

    async def _added(self, member: Member) -> None:
        await self._test(member.id)

    async def _arrived(self, view: Body) -> None:
        say(f"{view.get('name')} is a member now.", kind="ok")
        self.look()
        if view.get("kind") != "person":
            await self._test(str(view.get("id")))
        await self.offers.look()

    async def _try_out(self, form: Form, _act: str, body: Body) -> None:
        try:
            member, key = member_of(body)
        except ClawError as error:
            form.result(error.sentence, error.hint, ok=False)
            return
        await self._try(form, member, key)

    async def _try(self, form: Form, member: Member, key: str) -> None:
        """Tries what is in the form without keeping anything of it."""
        try:
            self.house.accounts.check_deed(person().id, "members")
            result = await self.house.registry.try_out(member, key)
        except ClawError as error:
            form.result(error.sentence, error.hint, ok=False)
            return
        words = "It works." if result["ok"] else "It does not work."
        form.result(f"{words} {result['sentence']}", result["hint"], ok=bool(result["ok"]))
