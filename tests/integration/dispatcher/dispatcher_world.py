"""A whole world for random histories: a rig, scripted drivers, two people, and what was acknowledged to them."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispatcher_rig import Rig, RigRunner

from clawgroups.errors import DriverError
from clawgroups.group import events as ev
from clawgroups.group.commands import RecordStep
from clawgroups.group.members import Member, MemberKind, ProgramConfig
from clawgroups.group.state import AgentStatus, Request
from clawgroups.group.thread import Entry, ToolCall, Turn
from clawgroups.group.tools import Policy, ToolSpec
from clawgroups.link import messages as ms
from clawgroups.runner.drivers.base import Driver, OnDelta
from clawgroups.runner.workspace import Workspace

GROUP = "world2gr"
MEMBERS = tuple(
    Member(id=name, name=name.title(), kind=MemberKind.PROGRAM, program=ProgramConfig(command=("true",)))
    for name in ("ada", "bob")
)
WAYS = {  # how each kind of request is answered when everything has to come to its end
    "approval": {"decision": "approve"},
    "question": {"decision": "answer", "text": "Go on."},
    "review": {"decision": "accept"},
    "stall": {"decision": "retry"},
    "budget": {"decision": "raise", "amount": 10_000},
    "unknown_fate": {"decision": "leave"},
}


class Scripted(Driver):
    """Says some words, wants some calls, fails now and then, and ends after a few steps; all by the seed."""

    def __init__(self, world: World, drive: ms.DriveSeat) -> None:
        self._world = world
        self._drive = drive

    async def turn(self, thread: Sequence[Entry], tools: Sequence[ToolSpec], on_delta: OnDelta) -> Turn:
        agent = self._drive.agent
        world = self._world
        assert not world.at_work[agent], f"two drivers at work on {agent}: {world.at_work[agent]}, {self._drive.epoch}"
        assert_valid(thread)
        world.at_work[agent].add(self._drive.epoch)
        try:
            rng = random.Random(f"{world.seed} {agent} {len(thread)} {self._drive.epoch}")
            for word in ("I ", "look ", "into ", "it."):
                on_delta("text", word)
                await asyncio.sleep(rng.choice((0, 0, 0.001, 0.004)))
            return self._turn(thread, rng)
        finally:
            world.at_work[agent].discard(self._drive.epoch)

    async def close(self) -> None:
        """Nothing is left after a turn."""

    def _turn(self, thread: Sequence[Entry], rng: random.Random) -> Turn:
        turns = sum(entry.role == "assistant" and not entry.unfinished for entry in thread)
        if rng.random() < 0.05:
            raise DriverError("Too fast.", kind="rate_limit", retry_after=0.02, partial="I was")
        if rng.random() < 0.03:
            raise DriverError("It broke.", kind="failed", partial="I was about")
        number = f"{turns}.{rng.randrange(1000)}"
        if self._drive.tools:
            return self._conduct(turns, number, rng, thread)
        if turns < 4 and rng.random() < 0.6:
            return Turn(
                "I use tools.", calls=tuple(self._call(f"c{number}.{i}", rng) for i in range(rng.choice((1, 2))))
            )
        return Turn("My result.")

    def _conduct(self, turns: int, number: str, rng: random.Random, thread: Sequence[Entry]) -> Turn:
        if turns == 0:
            return Turn(
                "", calls=(ToolCall(f"m{number}", "create_subagent", '{"name": "w", "system_prompt": "Work."}'),)
            )
        if turns == 1:
            task = '{"agent": "w", "prompt": "Do a part."}'
            draft = '{"agent": "w", "prompt": "Do a part.", "review": "conductor"}'
            made = (task, draft, draft) if rng.random() < 0.7 else (task,) * 3
            return Turn("", calls=tuple(ToolCall(f"t{number}.{i}", "assign_task", t) for i, t in enumerate(made)))
        if judged := _judge(turns, number, rng, thread):
            return Turn("", calls=judged)
        if turns == 2 and rng.random() < 0.4:
            return Turn("", calls=(ToolCall(f"q{number}", "ask_person", '{"question": "And now?"}'),))
        return Turn("All is done.")

    def _call(self, call: str, rng: random.Random) -> ToolCall:
        name, arguments = rng.choice(
            (
                ("list_files", '{"path": "."}'),
                ("read_file", '{"path": "none.txt"}'),
                ("write_file", '{"path": "note.txt", "content": "a note"}'),
                ("no_such_tool", "{}"),
                ("list_files", "no json"),
            )
        )
        return ToolCall(call, name, arguments)


def _judge(turns: int, number: str, rng: random.Random, thread: Sequence[Entry]) -> tuple[ToolCall, ...]:
    """What a conductor does about the drafts and failures that it has read of since its last turn."""
    last = max((at for at, entry in enumerate(thread) if entry.role == "assistant"), default=-1)
    calls = []
    for told in (entry.content for entry in thread[last + 1 :] if turns < 9):
        draft, failed = re.match(r"(w-\d+) \(\S+\) delivers", told), re.match(r"(w-\d+) (failed|was cancelled)", told)
        if draft:
            decision = rng.choice(("accept", "accept", "reject"))
            calls.append(("review", {"agent": draft[1], "decision": decision, "reasons": "More."}))
        elif failed:
            calls.append(("reassign_task", {"agent": failed[1], "member": rng.choice(("ada", "bob"))}))
    return tuple(ToolCall(f"j{number}.{i}", name, json.dumps(given)) for i, (name, given) in enumerate(calls))


class World:
    """What the machine drives, and what it remembers to hold against the ledger afterwards."""

    def __init__(self, home: Path, url: str, seed: int, asking: bool) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.at_work: dict[str, set[int]] = defaultdict(set)
        self.seen: dict[tuple[str, int], str] = {}  # (sub-agent, step) -> words that were shown or acknowledged
        self.rig = Rig(home, url, stop_timeout_s=3.0)
        self.rig.make_driver = self._driver
        self.runner: RigRunner | None = None
        self._asking = asking

    def _driver(self, drive: ms.DriveSeat, workspace: Workspace, seat: str) -> Driver:
        return Scripted(self, drive)

    async def begin(self) -> None:
        await self.rig.open()
        self._listen()
        self.runner = await self.rig.join()
        policies = {"write_file": Policy.ASK} if self._asking else {}
        await self.rig.found(*MEMBERS, group=GROUP, worker="bob", policies=policies)

    def _listen(self) -> None:
        """Whatever the desk has told anybody is acknowledged."""
        desk = self.rig.dispatcher.desk
        told = desk._on_committed

        def hear(before: Any, decision: Any) -> None:
            for recorded in decision.events:
                if recorded.kind == "step_committed":
                    key = recorded.agent, recorded.event.step
                    assert key not in self.seen, f"step {key} was committed twice"
                    self.seen[key] = recorded.event.content
            told(before, decision)

        desk._on_committed = hear

    # --- losses --------------------------------------------------------------------------------------

    async def lose_runner(self) -> None:
        if self.runner is not None:
            await self.rig.lose(self.runner)
        self.runner = await self.rig.join()

    async def drop_link(self) -> None:
        if self.runner is not None:
            await self.runner.drop()

    async def restart(self, *, crash: bool) -> None:
        """The server ends, cleanly or in the middle of whatever it does, and is started on the same file."""
        if crash:
            dispatcher = self.rig.dispatcher
            dispatcher.desk._closing = True
            for task in list(dispatcher.tasks._tasks):
                task.cancel()
        await self.rig.close()
        self.at_work.clear()
        await self.rig.open()
        self._listen()
        self.runner = await self.rig.join()

    # --- the end -------------------------------------------------------------------------------------

    async def settle(self, within_s: float = 15.0) -> None:
        """Everything is resumed, handed back and answered until the group has ended."""
        try:
            async with asyncio.timeout(within_s):
                while not self.rig.group(GROUP).ended_at:
                    await self._help()
                    await asyncio.sleep(0.01)
                while any(agent.seat for agent in self.rig.group(GROUP).agents.values()):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            group = self.rig.group(GROUP)
            stuck = [agent for agent in group.agents.values() if not agent.ended or agent.seat]
            raise AssertionError(f"the group never ended: {group.status}, {stuck}, {group.requests}") from None

    async def _help(self) -> None:
        from dispatcher_moves import quietly  # the moves need the world

        rig, group = self.rig, self.rig.group(GROUP)
        if group.status.value == "paused":
            await quietly(self, "resume_group", 0, "you", 0)
        for request in list(group.requests.values()):
            await self._answer(request)
        for agent in list(group.agents.values()):
            if agent.status is AgentStatus.PAUSED or agent.pausing:
                await quietly(self, "resume", agent.number - 1, "you", 0)
            elif agent.driven_by_person and agent.status is not AgentStatus.HANDING_OVER and agent.driver is not None:
                await quietly(self, "give_away", agent.number - 1, agent.driver.member, 0)
        assert rig.group(GROUP).seq >= group.seq

    async def _answer(self, request: Request) -> None:
        from clawgroups.errors import ClawError
        from clawgroups.group.commands import AnswerRequest

        if request.kind.value in WAYS:
            try:
                await self.rig.do(AnswerRequest(request=request.id, **WAYS[request.kind.value]), "you", GROUP)
            except ClawError:
                return  # it went on meanwhile

    async def check(self) -> None:
        """Holds what was acknowledged, the record, and every thread against the promises."""
        reader = self.rig.ledger.reader
        assert await reader.verify(GROUP) == []
        steps = {
            (r.agent, r.event.step): r.event.content  # type: ignore[attr-defined]
            async for r in reader.all_events(GROUP)
            if r.kind == "step_committed"
        }
        assert {key: steps.get(key) for key in self.seen} == self.seen  # nothing acknowledged is lost or changed
        await self._check_told()
        for agent in self.rig.group(GROUP).agents.values():
            assert not agent.calls or agent.status is AgentStatus.CANCELLED, agent
            assert_valid(await reader.transcript(agent.id, limit=5_000, for_driver=True))

    async def _check_told(self) -> None:
        """Nobody but a person writes a step after a lapse or a reassignment before it was told (promise 5)."""
        untold: dict[str, str] = {}
        async for recorded in self.rig.ledger.reader.all_events(GROUP):
            match recorded.event:
                case ev.LeaseLapsed(untold=True) | ev.Reassigned():
                    untold[recorded.agent] = recorded.kind
                case ev.Briefed() | ev.HandedBack() | ev.AgentResumed():
                    record = getattr(recorded.event, "record", "") or getattr(recorded.event, "text", "")
                    assert record or recorded.agent not in untold, f"{recorded} tells nothing"
                    untold.pop(recorded.agent, None)
                case ev.StepCommitted(by=by) if by not in ("you", "pat"):
                    assert recorded.agent not in untold, f"{recorded} after {untold}"

    def acknowledged(self, agent: str, command: RecordStep) -> None:
        """A person was told that this step of theirs is in the ledger."""
        assert command.content in {words for (of, _), words in self.seen.items() if of == agent}


def assert_valid(thread: Sequence[Entry]) -> None:
    """No call is answered twice or never asked for; and none is left open below a later turn."""
    open_calls: dict[str, bool] = {}
    for entry in thread:
        if entry.role == "assistant" and not entry.unfinished:
            left = [call for call, is_open in open_calls.items() if is_open]
            assert not left, f"calls {left} are open below a later turn: {thread}"
            open_calls = {call.id: True for call in entry.calls}
        elif entry.role == "tool":
            assert open_calls.get(entry.call_id), f"{entry.call_id} is answered twice or was never made: {thread}"
            open_calls[entry.call_id] = False
