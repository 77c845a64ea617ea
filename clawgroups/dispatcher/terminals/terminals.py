"""People's terminals: opened as calls of their own, fenced by the epoch, shown to everybody who watches.

What is typed goes out only while the terminal's call is on record and the wheel is theirs. Any other step of the
person first closes that call (``rest``: the shell lives on; the next word opens another call) or the shell with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from clawgroups.dispatcher.accounts.rights import Role
from clawgroups.dispatcher.crew.runner_link import RunnerLink
from clawgroups.dispatcher.terminals.room import CLOSING, ENDED, OPEN, OPENING, RESTING, Room, Send, Viewer
from clawgroups.errors import ClawError, Invalid, LinkError, Refused
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.state import Agent, Group
from clawgroups.group.tools import ToolSpec
from clawgroups.ids import group_of
from clawgroups.link import messages as ms

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

log = logging.getLogger("clawgroups.terminals")
PATIENCE_S = 10.0  # until a call that was asked to end is on record as ended
UNWATCHED_S = 0.05  # the pace of a terminal that the person at the wheel does not look at
MOST_WAITING = 64_000  # characters that are kept for a shell that is being opened
GONE = "The wheel has moved on, and the terminal ended with it."
LOST = "Its runner was lost; what was under way has an unknown end."


class Terminals:
    """One per dispatcher."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._rooms: dict[str, Room] = {}

    # --- watching ------------------------------------------------------------------------------------

    async def serve(self, agent_id: str, person: str, send: Send, receive: Callable[[], Awaitable[str]]) -> None:
        """One viewer, until ``send`` or ``receive`` raises. Raises NotFound; Invalid for a frame that is none."""
        await self._dispatcher.agent(agent_id)
        room = self._rooms.setdefault(agent_id, Room(agent_id))
        viewer = Viewer(person, lambda: self._anew(room))
        room.viewers.add(viewer)
        sending = asyncio.ensure_future(viewer.run(send))
        try:
            while not sending.done():
                await self._hear_viewer(room, viewer, _frame(await receive()))
            sending.result()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            room.viewers.discard(viewer)
            self._acknowledge(room)
            if not room.viewers and not room.alive:
                self._rooms.pop(agent_id, None)

    def _anew(self, room: Room) -> list[str]:
        shown = {"t": "all", "number": room.number, "text": room.scrollback(), "cols": room.cols, "rows": room.rows}
        return [json.dumps(self._state(room)), json.dumps(shown)]

    def _state(self, room: Room) -> dict[str, Any]:
        group, agent = self._present(room.agent)
        driver = agent.driver if agent else None
        member = group.members.get(driver.member) if group and driver else None
        return {
            "t": "state",
            "state": room.state,
            "why": room.why,
            "by": room.by,
            "cols": room.cols,
            "rows": room.rows,
            "epoch": agent.epoch if agent else 0,
            "driver": driver.member if driver else "",
            "name": member.name if member else "",
            "off": self._off(room.agent),
        }

    def _present(self, agent_id: str) -> tuple[Group | None, Agent | None]:
        group = self._dispatcher.desk.groups.get(group_of(agent_id))
        return group, group.agents.get(agent_id) if group else None

    def _off(self, agent_id: str) -> str:
        link = self._dispatcher.crew.link_of(agent_id) or self._dispatcher.crew.any_link()
        return terminal_spec(link).off

    async def _hear_viewer(self, room: Room, viewer: Viewer, frame: dict[str, Any]) -> None:
        what, epoch = frame.get("t"), _number(frame, "epoch")
        text = str(frame.get("text", "")).encode(errors="replace").decode()  # half of a surrogate pair is no text
        try:
            match what:
                case "taken":
                    viewer.taken = max(viewer.taken, min(room.number, _number(frame, "number")))
                    self._acknowledge(room)
                case "in":
                    self.type(room.agent, viewer.person, epoch, text)
                case "size":
                    self.resize(room.agent, viewer.person, epoch, *_size(frame))
                case "open":
                    await self.open(room.agent, viewer.person, epoch, *_size(frame))
                case "end":
                    self._dispatcher.check_wheel(room.agent, viewer.person, epoch)
                    self._end(room, keep=False)
                case _:
                    raise Invalid("A terminal takes frames of kind open, in, size, taken and end.")
        except ClawError as error:
            viewer.show(json.dumps({"t": "refused", "what": what, "text": text, **error.as_dict()}))

    # --- the person at the wheel ---------------------------------------------------------------------

    async def open(self, agent_id: str, actor: str, epoch: int, cols: int, rows: int) -> None:
        """Opens the terminal, or the call of a shell that lives. Raises Refused, StaleEpoch, LinkError, Invalid."""
        self._dispatcher.check_wheel(agent_id, actor, epoch)
        room = self._rooms.setdefault(agent_id, Room(agent_id))
        if room.state in (OPENING, OPEN, CLOSING):
            return
        link = self._dispatcher.crew.link_of(agent_id)
        if link is None:
            raise LinkError("The runner is not up.", hint="It is being started; try again soon.")
        if off := terminal_spec(link).off:
            raise Refused("sandbox", room.state, f"The terminal is off here: {off}", hint="Use the tools instead.")
        before = room.state
        room.state, room.epoch, room.by, room.link = OPENING, epoch, actor, link
        try:
            people = self._dispatcher.people
            agent = await people.open_terminal(agent_id, actor, epoch=epoch, cols=cols, rows=rows)
        except ClawError:
            room.state = before
            raise
        made = next((call.id for call in agent.calls if call.name == ms.TERMINAL), "")
        if not made:
            room.state = before
            raise Refused(
                "policy", agent.status.value, "This group does not allow the terminal.", hint="Use the tools."
            )
        room.call = made
        self._follow(room)
        room.tell(**self._state(room))

    def type(self, agent_id: str, actor: str, epoch: int, text: str) -> None:
        """Keys for the shell. Raises Refused, StaleEpoch or Invalid; then nothing of it is typed."""
        self._dispatcher.check_wheel(agent_id, actor, epoch)
        room = self._rooms.get(agent_id)
        if room is None or not room.alive or room.link is None or room.epoch != epoch:
            raise Refused("terminal", "closed", "No terminal is open here.", hint="Open it first.")
        if room.state == OPEN:
            room.link.send(ms.TerminalInput(agent=agent_id, epoch=epoch, text=text))
            return
        if sum(map(len, room.waiting)) + len(text) > MOST_WAITING:
            raise Invalid("Too much was typed before the terminal was open.", hint="Wait until it answers.")
        room.waiting.append(text)
        if len(room.waiting) == 1 and room.state in (RESTING, CLOSING):
            self._dispatcher.tasks.start(self._open_again(room, actor, epoch), name=f"terminal-{agent_id}")

    async def _open_again(self, room: Room, actor: str, epoch: int) -> None:
        """For words that came while no call was open; what the person does otherwise comes to its end first."""
        try:
            await self._until(room, lambda: room.state not in (CLOSING, OPENING) and not self._busy(room.agent))
            if room.waiting and room.state == RESTING:
                await self.open(room.agent, actor, epoch, room.cols, room.rows)
        except (ClawError, TimeoutError) as error:
            self._give_back(room, error if isinstance(error, ClawError) else Refused("open_call", "open", _BUSY))

    def _busy(self, agent_id: str) -> bool:
        _, agent = self._present(agent_id)
        return agent is not None and bool(agent.calls)

    def _give_back(self, room: Room, error: ClawError) -> None:
        """Nothing of what waited was typed; whoever typed it is told so, with the words."""
        text, room.waiting = "".join(room.waiting), []
        for viewer in room.viewers:
            if viewer.person == room.by:
                viewer.show(json.dumps({"t": "refused", "what": "in", "text": text, **error.as_dict()}))

    def resize(self, agent_id: str, actor: str, epoch: int, cols: int, rows: int) -> None:
        """The size follows the screen of the person at the wheel."""
        self._dispatcher.check_wheel(agent_id, actor, epoch)
        room = self._rooms.get(agent_id)
        if room is None or room.link is None or not room.alive or (room.cols, room.rows) == (cols, rows):
            return
        room.cols, room.rows = cols, rows
        room.link.send(ms.TerminalSize(agent=agent_id, epoch=epoch, cols=cols, rows=rows))
        room.tell(t="size", cols=cols, rows=rows)

    # --- before other steps --------------------------------------------------------------------------

    async def rest(self, agent_id: str, actor: str, epoch: int | None, *, keep: bool) -> None:
        """Closes the terminal's call, so that another step can be taken; without ``keep`` the shell ends too."""
        room = self._rooms.get(agent_id)
        if room is None or not room.alive or not self._may_end(room, actor) or epoch not in (None, room.epoch):
            return
        with contextlib.suppress(TimeoutError):  # then the rules refuse the step, and say what is still running
            await self._until(room, lambda: room.state != OPENING)
            if not keep and room.state == RESTING and room.unrecorded:
                await self.open(agent_id, room.by, room.epoch, room.cols, room.rows)
                await self._until(room, lambda: room.state != OPENING)
            self._end(room, keep=keep)
            await self._until(room, lambda: not self._on_record(agent_id) and (keep or not room.alive))

    def _on_record(self, agent_id: str) -> bool:
        """Whether a terminal's call is open in the ledger; a shell that has ended is told before its result is in."""
        _, agent = self._present(agent_id)
        return agent is not None and any(call.name == ms.TERMINAL for call in agent.calls)

    def _may_end(self, room: Room, actor: str) -> bool:
        """Who typed, or an admin, who may hand back for others."""
        accounts = self._dispatcher.accounts
        admin = accounts.role_of(actor) is Role.ADMIN if accounts.in_force else actor == LOCAL_ADMIN
        return actor == room.by or admin

    def _end(self, room: Room, *, keep: bool) -> None:
        if room.link is None or not room.alive or (keep and room.state != OPEN):
            return
        room.link.send(ms.TerminalEnd(agent=room.agent, epoch=room.epoch, keep=keep))
        if room.state == OPEN:
            self._become(room, CLOSING)

    async def _until(self, room: Room, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await room.changed.wait()

    # --- what the runner and the ledger say ----------------------------------------------------------

    def hear(self, link: RunnerLink, report: ms.TerminalReport) -> None:
        """One message. Only the runner that holds the seat may report about it."""
        room = self._rooms.get(report.agent)
        if room is None or room.epoch != report.epoch or room.link is not link:
            return
        match report:
            case ms.TerminalOpened():
                if report.fresh:
                    room.begin(cols=report.cols, rows=report.rows)
                room.unrecorded = False
                self._become(room, OPEN)
                waiting, room.waiting = room.waiting, []
                for text in waiting:
                    link.send(ms.TerminalInput(agent=room.agent, epoch=room.epoch, text=text))
            case ms.TerminalOutput():
                room.unrecorded = room.unrecorded or room.state == RESTING
                room.came_out(report.number, report.text)
                self._acknowledge(room)
            case ms.TerminalClosed():
                self._close(room, report.why)

    def _acknowledge(self, room: Room) -> None:
        """The pace is that of the person at the wheel; without their eyes, a steady one."""
        pace = room.pace()
        if pace is None:
            loop = asyncio.get_running_loop()
            loop.call_later(UNWATCHED_S, self._take, room, room.number)
        else:
            self._take(room, pace)

    def _take(self, room: Room, number: int) -> None:
        if room.link is not None and room.alive and number:
            room.link.send(ms.TerminalTaken(agent=room.agent, epoch=room.epoch, number=number))

    def committed(self, group: Group) -> None:
        """The ledger has something new of this group."""
        for room in list(self._rooms.values()):
            if group_of(room.agent) == group.id:
                self._follow(room)
                if not room.viewers and not room.alive and not self._on_record(room.agent):
                    self._rooms.pop(room.agent, None)

    def _follow(self, room: Room) -> None:
        _, agent = self._present(room.agent)
        if agent is None or not room.alive:
            return room.note_change()
        if agent.epoch != room.epoch or agent.ended:
            self._close(room, GONE)
        elif self._dispatcher.crew.link_of(room.agent) is not room.link:
            self._close(room, LOST)
        elif room.call and agent.call(room.call) is None:
            room.call = ""
            if room.state == OPENING:
                self._close(room, "It could not be opened; the thread says why.")
            else:
                self._become(room, RESTING)
        room.note_change()

    def _close(self, room: Room, why: str) -> None:
        room.why = why
        if room.waiting:
            self._give_back(room, Refused("terminal", "closed", f"Nothing of this was typed. {why}"))
        self._become(room, ENDED)
        room.link, room.call = None, ""

    def _become(self, room: Room, state: str) -> None:
        room.state = state
        room.tell(**self._state(room))
        room.note_change()


_BUSY = "Another call is still running; nothing of this was typed."


def terminal_spec(link: RunnerLink | None) -> ToolSpec:
    """The terminal as a tool, for a person's step; ``off`` says why there is none on this runner."""
    off = ""
    if link is not None and link.sandbox != "bubblewrap":
        off = link.sandbox_detail or "there is no sandbox on its machine."
    return ToolSpec(name=ms.TERMINAL, description="A terminal in the workspace.", parameters={}, writes=True, off=off)


def _frame(text: str) -> dict[str, Any]:
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ClawError("That frame is no JSON.", code="bad_frame") from error
    if not isinstance(frame, dict):
        raise ClawError("A frame is a JSON object.", code="bad_frame")
    return frame


def _number(frame: dict[str, Any], key: str) -> int:
    value = frame.get(key, 0)
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def _size(frame: dict[str, Any]) -> tuple[int, int]:
    return min(500, max(10, _number(frame, "cols"))), min(300, max(2, _number(frame, "rows")))
