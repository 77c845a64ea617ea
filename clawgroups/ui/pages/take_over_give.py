"""The panel that gives the wheel away: a hand-back with a note and an exact preview, or another driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from clawgroups.errors import ClawError
from clawgroups.link.messages import TERMINAL
from clawgroups.ui.components.fields.fields import Field
from clawgroups.ui.components.words.words import Action, Words
from clawgroups.ui.parts import plain, text
from clawgroups.ui.shell import say

if TYPE_CHECKING:
    from clawgroups.ui.pages.take_over import DriveRoom

MINE = "Only after you have taken over."


class GivePanel:
    """Hand back while the person drives; pass on (reassign) at any time before the end."""

    def __init__(self, room: DriveRoom) -> None:
        self._room = room
        self._note = ""
        self.back = ui.element("div").classes("drive-card")
        with self.back:
            text("Hand back", "drive-h").props("role=heading aria-level=2")
            self._to = Field("To", kind="choice")
            hint = "What it must know: what you changed, what is left to do."
            one = Action("one", "Let it do one step", "", True)
            actions = [Action("back", "Hand back", "btn-human", True), one]
            self.note = Words(
                f"{room.agent_id}:note", "Your note to it", actions, self._hand_back, hint=hint, tells="note"
            )
            self.note.on_typed(self._typed)
            text("It will be told exactly this", "field-label")
            self._told = text("", "drive-told").props("tabindex=0 data-told")
        with ui.element("div").classes("drive-card") as self.onward:
            text("Pass on", "drive-h").props("role=heading aria-level=2")
            text("Another member gets the task with everything above; whoever drives now is stopped.", "drive-p")
            self._onto = Field("To", kind="choice")
            reason = [Action("pass", "Give it to them", "", True)]
            self.reason = Words(f"{room.agent_id}:reason", "Why", reason, self._pass_on, rows=2)

    def show(self, mode: str) -> None:
        """What can be given away in this mode."""
        view = self._room.view
        driver = view["driver"]["id"] if view["driver"] else ""
        members = {m.id: m for m in self._room.house.registry.members()}
        names = {key: f"{plain(member.name)} ({member.kind.value})" for key, member in members.items() if key != driver}
        former = view["former"] or view["member"]
        back = dict(sorted(names.items(), key=lambda item: item[0] != former))
        if former in back:
            back[former] += ", who drove before"
        self._to.offer(back, former)
        self._onto.offer(names, "")
        self.back.set_visibility(mode in ("mine", "handing_over"))
        self.onward.set_visibility(mode not in ("ended", "other"))
        released = [call["name"] for call in view["calls"] if call["status"] == "released"]
        running = [name for name in released if name != TERMINAL]  # a terminal is closed by the hand-back
        off = f"Still running: {', '.join(running)}." if running else "" if mode == "mine" else MINE
        self.note.turn_off(off)

    async def preview(self) -> None:
        """What the agent would be told now."""
        if not self.back.visible:
            return
        try:
            self._told.set_text(await self._room.house.people.preview(self._room.agent_id, self._note))
        except ClawError as error:
            self._told.set_text(f"The preview cannot be made now. {error.sentence} {error.hint}")

    async def _typed(self, words: str) -> None:
        self._note = words
        await self.preview()

    async def _hand_back(self, action: str, note: str) -> bool:
        room, to, one = self._room, self._to.value, action == "one"
        name = self._to.words_of(to)
        people, epoch = room.house.people, room.view["epoch"]
        if not await room.attempt(
            people.hand_back(room.agent_id, room.me, epoch=epoch, to=to, note=note, one_step=one)
        ):
            return False
        if one:
            say(f"{name} does one step.", "Then the wheel is yours again.", kind="ok")
        else:
            say(f"Handed back to {name}.", "The record stands in its thread.", kind="ok")
        room.let_go()
        return True

    async def _pass_on(self, _action: str, reason: str) -> bool:
        room, to = self._room, self._onto.value
        if not to:
            say("Choose who gets it.", kind="bad")
            return False
        name = self._onto.words_of(to)
        if not await room.attempt(room.house.people.reassign(room.agent_id, room.me, to=to, reason=reason)):
            return False
        say(f"{name} has the task now.", kind="ok")
        room.let_go()
        return True
