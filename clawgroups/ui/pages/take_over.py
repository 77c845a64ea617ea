"""The take-over screen: a person sees that the old driver stands still, works in its place, and hands back."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError, StaleEpoch
from clawgroups.group import commands as cmd
from clawgroups.ids import now_ms
from clawgroups.link.messages import TERMINAL
from clawgroups.ui.components.asks.asks import Answer, Asks
from clawgroups.ui.components.style import own_style
from clawgroups.ui.components.terminal.terminal import Terminal
from clawgroups.ui.components.thread.thread import Thread
from clawgroups.ui.components.tool_form.tool_form import ToolForm
from clawgroups.ui.components.unsent.unsent import Unsent
from clawgroups.ui.components.watchers.watchers import Watchers
from clawgroups.ui.components.wheel.wheel import Wheel, mode_of, wheel_of
from clawgroups.ui.components.words.words import Action, Words
from clawgroups.ui.pages.take_over_about import About
from clawgroups.ui.pages.take_over_files import FilesPanel
from clawgroups.ui.pages.take_over_give import GivePanel
from clawgroups.ui.parts import ask_first, plain, press, relabel, text
from clawgroups.ui.person import person
from clawgroups.ui.person import why_not as why_not_me
from clawgroups.ui.shell import frame, report, say

PANELS = (("work", "Work"), ("terminal", "Terminal"), ("files", "Files"), ("give", "Hand back"), ("about", "About"))
WIDE = ("terminal", "files")  # what needs room beside the thread


def register(house: Dispatcher) -> None:
    """Adds the page ``/agents/{agent_id}/drive``."""

    @ui.page("/agents/{agent_id}/drive")
    async def take_over(agent_id: str) -> None:
        view = await house.pages.agent(agent_id)
        crumbs = [("Groups", "/"), (view["group_name"], f"/groups/{view['group']}")]
        with frame(view["name"], crumbs=crumbs, active="groups", fill=True) as content:
            with content.top:
                Watchers(view["group"], agent_id)
            room = DriveRoom(house, view)
            room.show(view)
        ui.timer(0, room.files.look, once=True)


class DriveRoom:
    """One viewer's take-over screen. What it knows of the sub-agent is ``view``, the API's own view of it."""

    def __init__(self, house: Dispatcher, view: dict[str, Any]) -> None:
        self.house = house
        self.agent_id: str = view["id"]
        self.view = view
        self.me = person().id
        self._looking = asyncio.Lock()
        self._held = False  # whether this page ever held the wheel, or has words left from when it did
        self._build()

    # --- layout --------------------------------------------------------------------------------------

    def _build(self) -> None:
        with ui.element("div").classes("drive") as root:
            own_style(root, __file__)
            self.wheel = Wheel(self._act)
            with ui.element("div").classes("drive-body") as self.body:
                with ui.element("section").classes("drive-left"):
                    self._task()
                    self.thread = Thread(self.view["group"], self.agent_id)
                    self.thread.on_moved(self.look)
                    self.thread.on_use(self._use)
                    self.thread.on_branch(self._branch)
                with ui.element("aside").classes("drive-side").props('aria-label="Work in its place"'):
                    self._side()

    def _task(self) -> None:
        with ui.element("details").classes("drive-task"):
            with ui.element("summary"):
                text("Task", "drive-task-mark")
                text(" ".join(self.view["task"].split())[:400] or self.view["title"], "cut grow")
            text(self.view["task"], "drive-task-words")
            if self.view["acceptance"]:
                text("Accepted when", "field-label")
                text(self.view["acceptance"], "drive-task-words")

    def _side(self) -> None:
        self._tabs: dict[str, ui.element] = {}
        self._panels: dict[str, ui.element] = {}
        with ui.element("div").classes("drive-tabs").props('role=group aria-label="Panels"'):
            for key, label in PANELS:
                self._tabs[key] = press(label, partial(self.open, key), "drive-tab").props(f"data-panel={key}")
        self.unsent = Unsent(self.view["group"], self.agent_id)
        for key, _ in PANELS:
            self._panels[key] = ui.element("div").classes("drive-panel").props(f"data-shown={key}")
        with self._panels["work"]:
            self._work()
        with self._panels["terminal"]:
            self.terminal = Terminal(self.agent_id)
        with self._panels["files"]:
            self.files = FilesPanel(self.house, self.agent_id, self._call, self._mark_files)
        with self._panels["give"]:
            self.give = GivePanel(self)
        with self._panels["about"]:
            self.about = About(self)
        self.open("work")

    def _work(self) -> None:
        self.asks = Asks(self.agent_id, self._answer)
        self.reading = text("", "drive-read")
        self.watching = ui.element("div").classes("drive-card")
        with self.watching:
            self.steers = ui.element("div")
            steer = [Action("steer", "Queue for the next step", "btn-primary")]
            hint = "Told to the driver between two steps, without taking the wheel."
            self.steer = Words(f"{self.agent_id}:steer", "Steer it", steer, self._steer, hint=hint, rows=3)
        self.driving = ui.element("div").classes("drive-work")
        with self.driving:
            with ui.element("div").classes("drive-card"):
                text("Run a tool", "drive-h").props("role=heading aria-level=2")
                self.tool = ToolForm(self.agent_id, self._call)
            with ui.element("div").classes("drive-card"):
                text("Write", "drive-h").props("role=heading aria-level=2")
                actions = [
                    Action("turn", "Write the turn", "btn-primary"),
                    Action("finish", "Finish the task with this"),
                ]
                hint = "What you write stands in the thread as a turn of its own, under your name."
                label = "Your turn, or the result"
                self.turn = Words(f"{self.agent_id}:turn", label, actions, self._write, hint=hint, tells="turn")
                self.turn.on_typed(self._typed)

    def open(self, key: str) -> None:
        """Shows one panel."""
        for name, panel in self._panels.items():
            panel.set_visibility(name == key)
            self._tabs[name].props(f"aria-pressed={str(name == key).lower()}")
        self.opened = key
        self.body.classes(add="is-wide") if key in WIDE else self.body.classes(remove="is-wide")

    def let_go(self) -> None:
        """The wheel was given away on purpose: what belongs to it goes from the screen."""
        self._held = False
        self.driving.set_visibility(False)
        self.open("work")

    # --- what is shown -------------------------------------------------------------------------------

    async def look(self) -> None:
        """Reads the sub-agent again and shows what changed."""
        async with self._looking:
            before = self.view
            self.show(await self.house.pages.agent(self.agent_id))
            if (before["step"], before["epoch"], len(before["calls"])) != (
                self.view["step"],
                self.view["epoch"],
                len(self.view["calls"]),
            ):
                await self.files.look()
                await self.give.preview()

    def show(self, view: dict[str, Any]) -> None:
        """Puts ``view`` on the page; words that are being written stay."""
        self.view = view
        mode = mode_of(view, self.me)
        self._held = self._held or mode in ("mine", "handing_over")
        self.wheel.show(wheel_of(view, self.me, now=now_ms(), lease_ms=self._lease_ms()))
        calls = {call["id"]: call["status"] for call in view["calls"]}
        self.thread.show(open_calls=calls, can_use=mode == "mine")
        requests = [request for request in view["requests"] if request["kind"] != "task"]
        other = mode == "other"
        self.asks.show([] if other else requests, [] if other else view["calls"], view["members"])
        off = why_not_me(self.house, cmd.RecordStep) or why_not(view, self.me)
        running = ", ".join(call["name"] for call in open_calls(view) if call["status"] == "released")
        self.tool.show(view["tools"], off, running, asked=bool(asked_first(view)) and mode == "mine")
        self.turn.turn_off(off)
        self.steer.turn_off(why_not_me(self.house, cmd.SteerAgent))
        self.give.reason.turn_off(why_not_me(self.house, cmd.Reassign))
        self.files.turn_off(off)
        self._show_terminal(mode, off)
        self.unsent.show(mine=mode == "mine", epoch=view["epoch"])
        self.driving.set_visibility(self._held)
        self.watching.set_visibility(mode in ("free", "asked"))
        self.reading.set_text(read_only(view) if mode in ("other", "ended") else "")
        self._show_steers()
        self.give.show(mode)
        self.about.show(view)
        self._tabs["give"].set_visibility(mode not in ("ended", "other"))
        relabel(self._tabs["give"], "Hand back" if mode in ("mine", "handing_over") else "Pass on")

    def _show_terminal(self, mode: str, off: str) -> None:
        view = self.view
        rewind = bool(view["parent"]) and mode != "ended"
        self.thread.offer_branches(rewind=rewind, off=why_not_me(self.house, cmd.ForkAgent))
        self.terminal.show(
            mine=mode == "mine",
            epoch=view["epoch"],
            off="It has ended, and its terminal with it." if mode == "ended" else "",
            holder=plain(view["driver"]["name"]) if mode == "other" else "",
            why=off,
        )

    def _show_steers(self) -> None:
        self.steers.clear()
        with self.steers:
            for queued in self.view["steers"]:
                with ui.element("div").classes("drive-queued"):
                    text("queued", "tag tag-attention")
                    text(queued["text"], "grow")

    def _mark_files(self, changed: int) -> None:
        self._tabs["files"].props(f'data-count="{changed or ""}"')

    def _lease_ms(self) -> int:
        return int(self.house.settings.lease_s * 1_000)

    # --- what the person does ------------------------------------------------------------------------

    async def command(self, command: cmd.AgentCommand) -> bool:
        """Any command of the person; a refusal is said, and the page looks again. True when it was accepted."""
        return await self.attempt(self.house.agent_command(command, self.me))

    async def attempt(self, doing: Any) -> bool:
        """Awaits ``doing``; says a refusal in words that name who drives now."""
        try:
            await doing
        except StaleEpoch as error:
            names = {member["id"]: member["name"] for member in self.view["members"]}
            who = names.get(error.driver or "", error.driver or "nobody")
            mine = self.view["epoch"]
            sentence = f"The wheel has moved on: {who} holds it at epoch {error.epoch}, and this page was at {mine}."
            say(sentence, "Nothing was written. Your words are kept here.", kind="bad")
            await self.look()
            return False
        except ClawError as error:
            report(error)
            await self.look()
            return False
        await self.look()
        return True

    async def _act(self, what: str) -> None:
        agent = self.agent_id
        match what:
            case "now" | "after_step":
                after = what == "after_step"
                await self.command(cmd.TakeOver(agent=agent, after_step=after, lease_ms=self._lease_ms()))
            case "withdraw":
                await self.command(cmd.WithdrawTakeOver(agent=agent))
            case "pause":
                await self.command(cmd.PauseAgent(agent=agent))
            case "resume":
                await self.command(cmd.ResumeAgent(agent=agent))
            case "alive":
                await self.command(cmd.RenewLease(agent=agent, epoch=self.view["epoch"], lease_ms=self._lease_ms()))
            case "give":
                self.open("give")
                self.give.note.run_method("focus")

    async def _call(self, name: str, arguments: dict[str, Any]) -> bool:
        return await self._step("", [("", name, arguments)], result=False)

    async def _write(self, action: str, words: str) -> bool:
        if action == "turn":
            return await self._step(words, [], result=False)
        sure = await ask_first(
            "Finish this task?",
            "Your words become its result, its parent gets them, and nobody can write here any more.",
            "Finish the task",
        )
        return sure and await self._step(words, [], result=True)

    async def _step(self, content: str, calls: list[tuple[str, str, dict[str, Any]]], *, result: bool) -> bool:
        people, epoch = self.house.people, self.view["epoch"]
        return await self.attempt(
            people.step(self.agent_id, self.me, epoch=epoch, content=content, calls=calls, result=result)
        )

    def _use(self, words: str) -> None:
        self.open("work")
        self.turn.begin(words)

    async def _branch(self, step: int, instead: bool) -> None:
        """A fork from a step; with ``instead`` it takes this one's place."""
        if instead and not await ask_first(
            f"Rewind to step {step}?",
            f"{self.view['name']} ends here, and what it runs is stopped. A fork goes on from the end of step {step}, "
            "with the files as they were then, and answers in its place. Its own sub-agents go on under its parent.",
            "Rewind",
            look="btn-danger",
        ):
            return
        made: list[str] = []

        async def fork() -> None:
            command = cmd.ForkAgent(agent=self.agent_id, step=step, instead=instead)
            group = await self.house.command(self.view["group"], command, self.me)
            made.append(max(group.agents.values(), key=lambda agent: agent.number).id)

        if await self.attempt(fork()):
            ui.navigate.to(f"/agents/{made[0]}/drive")

    async def _typed(self, words: str) -> None:
        if words.strip() and not self._held:
            self._held = True
            self.driving.set_visibility(True)

    async def _steer(self, _action: str, words: str) -> bool:
        return await self.command(cmd.SteerAgent(agent=self.agent_id, text=words))

    async def _answer(self, answer: Answer) -> bool:
        command = cmd.AnswerRequest(
            request=answer.request,
            decision=answer.decision,
            text=answer.text,
            arguments=answer.arguments,
            member=answer.member,
            amount=answer.amount,
        )
        return await self.attempt(self.house.command(self.view["group"], command, self.me))


def read_only(view: dict[str, Any]) -> str:
    """What a viewer is told who can only watch."""
    if view["driver"] is None:
        return "Nothing can be written here any more. The thread and the files can be read."
    name = plain(view["driver"]["name"])
    return f"Read only: {name} drives. You see every word and call as it comes; {name} answers what is asked here."


def open_calls(view: dict[str, Any]) -> list[dict[str, Any]]:
    """The calls that another step has to wait for; a terminal makes room for it by itself."""
    return [call for call in view["calls"] if call["name"] != TERMINAL]


def asked_first(view: dict[str, Any]) -> list[dict[str, Any]]:
    """The requests about open calls: without an answer the step that they belong to stays open."""
    waiting = {call["id"] for call in open_calls(view)}
    return [request for request in view["requests"] if request["call"] in waiting and request["kind"] != "task"]


def why_not(view: dict[str, Any], me: str) -> str:
    """Why the person cannot write a step now; empty when they can."""
    mode = mode_of(view, me)
    if mode == "ended":
        return f"{plain(view['name'])} has ended."
    if mode == "handing_over":
        return "The old driver's stop is being proved."
    if mode == "other":
        return f"{plain(view['driver']['name'])} holds the wheel."
    if mode != "mine":
        return "Take over to work in its place."
    if asked := asked_first(view):
        what = "approval" if all(request["kind"] == "approval" for request in asked) else "request"
        names = ", ".join(dict.fromkeys(request["tool"] for request in asked))
        return f"Answer the {what} first: {names} waits for it."
    if waiting := open_calls(view):
        names = ", ".join(dict.fromkeys(call["name"] for call in waiting))
        return f"The last step is still open: {names}."
    if view["wait"] in ("review", "budget"):
        return f"It waits for {view['wait']}."
    return ""
