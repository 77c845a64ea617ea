"""A seat: one sub-agent for one epoch. It takes turns and runs calls, and decides nothing.

A call never starts before its release has come: the dispatcher releases it once the step is in the ledger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from clawgroups.errors import ClawError, DriverError, ToolError
from clawgroups.group.commands import CallEnd
from clawgroups.group.members import MemberKind
from clawgroups.group.state import Fate
from clawgroups.group.thread import Entry, ToolCall, Turn
from clawgroups.group.tools import ToolSpec
from clawgroups.link import messages as ms
from clawgroups.runner.attached import Attached
from clawgroups.runner.drivers.base import Driver
from clawgroups.runner.fetches import Fetches
from clawgroups.runner.live import LiveDeltas
from clawgroups.runner.reaper import Reaper, StopProof
from clawgroups.runner.snapshots import Snapshots
from clawgroups.runner.terminal import Terminal
from clawgroups.runner.tools.base import ToolContext, ToolResult
from clawgroups.runner.tools.toolbox import Toolbox
from clawgroups.runner.workspace import Workspace, prepare
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.seat")
AT_ONCE = 8  # calls of one seat
CLOSE_S = 0.8  # a driver or tool that takes longer to close is abandoned and its processes are killed
SNAPSHOT_S = 1.2  # for the last snapshot of a stopped seat; the dispatcher waits for the proof meanwhile
STOP_S = 3.5  # for the whole stop: on a slow machine the snapshot gives way, lest the dispatcher kill the runner
INTERRUPTED = "The call was interrupted while it ran; what it had done by then is not known."

MakeDriver = Callable[[ms.DriveSeat, Workspace, str], Driver]


class Seat:
    """Owned by the house; everything it says goes through ``send``."""

    def __init__(
        self,
        drive: ms.DriveSeat,
        *,
        send: Callable[[ms.FromRunner], None],
        make_driver: MakeDriver,
        toolbox: Toolbox,
        reaper: Reaper,
        live: LiveDeltas,
        fetches: Fetches,
        on_gone: Callable[[Seat], None],
    ) -> None:
        self.agent = drive.agent
        self.epoch = drive.epoch
        self._drive = drive
        self._send = send
        self._make_driver = make_driver
        self._toolbox = toolbox
        self._reaper = reaper
        self._live = live
        self._on_gone = on_gone
        self._mark = f"{drive.agent}.{drive.epoch}"
        self._thread: list[Entry] = list(drive.thread)
        self._attached = Attached(drive.agent, drive.epoch, drive.place, fetches)
        self._step = drive.step
        self._driver: Driver | None = None
        self._workspace: Workspace | None = None
        self._snapshots = Snapshots(Path(drive.place.snapshots), Path(drive.place.root))
        self._tasks = Tasks(self._broke)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._ready = asyncio.Event()
        self._used = {call.id for entry in drive.thread for call in entry.calls}
        self._turn: asyncio.Task[None] | None = None
        self._running: dict[str, tuple[str, bool]] = {}  # call -> (tool, has started)
        self._finished: dict[str, CallEnd] = {}  # ended, and not yet told
        self._left: dict[str, list[str]] = {}  # what calls could say that were interrupted
        by_hand = drive.member.kind is MemberKind.PERSON
        self._terminal = Terminal(drive.agent, drive.epoch, send) if by_hand else None
        self._answered: set[str] = set()
        self._text = ""
        self._reasoning = ""
        self._in_model = False
        self._wrote = False
        self.ending = False

    # --- what the dispatcher says --------------------------------------------------------------------

    def open(self, after: Collection[asyncio.Task[None]] = ()) -> None:
        """Waits until ``after``, the ends of former seats, are over; prepares the workspace; goes on from there."""
        self._tasks.start(self._open(after), name=f"open-{self._mark}")

    async def _open(self, after: Collection[asyncio.Task[None]]) -> None:
        if after:
            await asyncio.wait(after)
        try:
            self._workspace = await prepare(self._drive.place, self._snapshots)
            if self._drive.member.kind is not MemberKind.PERSON:
                self._driver = self._make_driver(self._drive, self._workspace, self._mark)
        except DriverError as error:
            await self._fail(error)
            return
        except ClawError as error:
            await self._fail(DriverError(error.sentence, kind="workspace", hint=error.hint))
            return
        except OSError as error:
            sentence = f"The workspace {self._drive.place.root} cannot be prepared: {error.strerror or error}."
            await self._fail(DriverError(sentence, kind="workspace"))
            return
        self._ready.set()
        self._place_for_person()
        for release in self._drive.release:
            self.release(release)
        if self._drive.proceed:
            self.proceed()

    def proceed(self) -> None:
        """Takes the next turn."""
        if self._turn is not None and not self._turn.done():
            log.error("a turn was asked for while one is under way", extra={"agent": self.agent})
            return
        self._turn = self._tasks.start(self._take_turn(), name=f"turn-{self._mark}")

    def tell(self, entry: Entry) -> None:
        """The thread gained a line."""
        self._thread.append(entry)
        if entry.attachments and self._ready.is_set():
            self._place_for_person()

    def _place_for_person(self) -> None:
        """What is attached is in their workspace as soon as it can be; a driver has it before its next turn."""
        if self._workspace is not None and self._driver is None:
            placing = self._attached.place(self._workspace, list(self._thread))
            self._tasks.start(placing, name=f"attachments-{self._mark}")

    def release(self, release: ms.ReleaseCall) -> None:
        """Runs a call that is on record; what the message leaves out stands in the thread."""
        call = self._call(release)
        if call.id not in self._running and call.id not in self._answered:
            self._running[call.id] = (call.name, False)
            self._tasks.start(self._run_call(call), name=f"call-{self._mark}-{call.id}")

    def _call(self, release: ms.ReleaseCall) -> ToolCall:
        for entry in reversed(self._thread):
            for call in entry.calls:
                if call.id == release.call:
                    return ToolCall(call.id, call.name, release.arguments or call.arguments)
        return ToolCall(release.call, release.name, release.arguments)

    def hear(self, order: ms.TerminalOrder) -> None:
        """What the person at the wheel does in their terminal."""
        if self._terminal is not None:
            self._terminal.hear(order)

    # --- turns ---------------------------------------------------------------------------------------

    async def _take_turn(self) -> None:
        await self._ready.wait()
        if self._driver is None or self._workspace is None:
            log.error("a turn was asked of a seat without a driver", extra={"agent": self.agent})
            return
        thread = list(self._thread)
        await self._attached.place(self._workspace, thread)
        self._text = self._reasoning = ""
        self._in_model = True
        try:
            turn = await self._driver.turn(self._attached.told(thread), self._specs(), self._on_delta)
        except DriverError as error:
            self._in_model = False
            await self._fail(error)
            return
        self._in_model = False
        self._step += 1
        turn = _with_own_ids(turn, self._used)
        self._thread.append(_entry_of(turn, self._step))
        self._text = self._reasoning = ""
        self._live.forget(self.agent, self.epoch)
        self._send(ms.StepDone(agent=self.agent, epoch=self.epoch, step=self._step, turn=turn))

    def _specs(self) -> tuple[ToolSpec, ...]:
        return (*self._drive.tools, *self._toolbox.specs)

    def _on_delta(self, kind: str, text: str) -> None:
        if kind == "text":
            self._text += text
        elif kind == "reasoning":
            self._reasoning += text
        self._live.add(self.agent, self.epoch, kind, text)

    async def _fail(self, error: DriverError) -> None:
        """The seat is closed first, so that the report is also the proof."""
        self.ending = True
        await self._close_all()
        self._send(
            ms.Failed(
                agent=self.agent,
                epoch=self.epoch,
                reason=error.kind,
                sentence=error.sentence,
                hint=error.hint,
                partial=error.partial or self._text,
                retry_after=error.retry_after,
            )
        )
        self._on_gone(self)

    def _broke(self, name: str, error: BaseException) -> None:
        log.error("%s broke", name, extra={"action": "seat_broke", "agent": self.agent}, exc_info=error)
        if not self.ending:
            sentence = f"The runner failed while driving ({type(error).__name__}: {error})."
            failure = DriverError(sentence, kind="failed", hint="The runner's log has the details.")
            self._tasks.start(self._fail(failure), name=f"fail-{self._mark}")

    # --- calls ---------------------------------------------------------------------------------------

    async def _run_call(self, call: ToolCall) -> None:
        await self._ready.wait()
        assert self._workspace is not None
        async with self._room:
            self._running[call.id] = (call.name, True)
            self._live.tool(self.agent, self.epoch, call.name)
            left = self._left.setdefault(call.id, [])
            context = ToolContext(self._workspace, self._reaper, self._mark, self._terminal, left)
            result = await self._toolbox.call(call.name, call.arguments, context)
            fate = Fate.DONE if result.ok else Fate.FAILED
            self._finished[call.id] = CallEnd(call.id, fate, result.content)
            snapshot = await self._snapshot(call.name, result)
        del self._running[call.id]
        if self.ending:
            return  # the proof of the stop carries how it ended
        del self._finished[call.id]
        self._answered.add(call.id)
        if not self._running:
            self._live.tool(self.agent, self.epoch, "")
        self._thread.append(
            Entry(role="tool", call_id=call.id, name=call.name, content=result.content, fate=fate.value)
        )
        self._send(
            ms.ResultDone(
                agent=self.agent,
                epoch=self.epoch,
                call=call.id,
                ok=result.ok,
                content=result.content,
                snapshot=snapshot,
                changed=result.changed,
            )
        )

    async def _snapshot(self, tool: str, result: ToolResult) -> str:
        spec = self._toolbox.spec(tool)
        if spec is None or not spec.writes:
            return ""
        self._wrote = True
        try:
            return await self._snapshots.take()
        except ToolError as error:
            log.warning("no snapshot: %s", error, extra={"action": "snapshot_failed", "agent": self.agent})
            return ""

    # --- the end -------------------------------------------------------------------------------------

    async def stop(self) -> ms.Stopped:
        """Stops everything and proves it: the model call, the tools, every process. Bounded in time."""
        self.ending = True
        until = asyncio.get_running_loop().time() + STOP_S
        in_model, running = self._in_model, dict(self._running)
        proof = await self._close_all()
        ends = [self._end_of(call, started) for call, (_, started) in running.items()]
        return ms.Stopped(
            agent=self.agent,
            epoch=self.epoch,
            model_call="aborted" if in_model else "none",
            processes_found=proof.found,
            processes_left=proof.left,
            detail=proof.detail,
            partial=self._text,
            partial_reasoning=self._reasoning,
            ends=tuple(ends),
            snapshot=await self._last_snapshot(bool(running), until),
        )

    async def _last_snapshot(self, interrupted: bool, until: float) -> str:
        """Of what the stopped driver left; empty when it cannot be had in time, for the proof must not wait."""
        if not (self._wrote or interrupted):
            return ""
        try:
            async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + SNAPSHOT_S)):
                return await self._snapshots.take()
        except (ToolError, TimeoutError) as error:
            log.warning("no last snapshot: %s", error, extra={"action": "snapshot_failed", "agent": self.agent})
            return ""

    async def _close_all(self) -> StopProof:
        # NOTE: asyncio.timeout and not wait_for, which would run the closing in a task of its own: that task would
        # cancel the one that waits for it here (a turn that failed closes its own seat).
        await self._bounded(self._tasks.close())
        if self._terminal is not None:
            self._terminal.close()
        if self._driver is not None:
            await self._bounded(self._driver.close())
        return await self._reaper.stop(self._mark)

    def _end_of(self, call: str, started: bool) -> CallEnd:
        if call in self._finished:
            return self._finished[call]
        if not started:
            return CallEnd(call, Fate.NOT_STARTED)
        return CallEnd(call, Fate.UNKNOWN, "\n\n".join([INTERRUPTED, *self._left.get(call, ())]))

    async def _bounded(self, work: Awaitable[None]) -> None:
        """Waits for a part to close, and goes on without it: its processes are looked for and killed anyway."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await work
        except TimeoutError:
            log.warning("%s: something did not end within %g s", self.agent, CLOSE_S, extra={"action": "abandoned"})
        except Exception:
            log.exception("%s: its driver could not be closed", self.agent, extra={"action": "close_broke"})


def _with_own_ids(turn: Turn, used: set[str]) -> Turn:
    """Every call of a thread has an id of its own; what a driver leaves out or repeats gets a number."""
    calls = []
    for call in turn.calls:
        call_id, number = call.id, 0
        while not call_id or call_id in used:
            number += 1
            call_id = f"{call.id or 'call'}.{number}"
        used.add(call_id)
        calls.append(ToolCall(call_id, call.name, call.arguments))
    return Turn(turn.content, turn.reasoning, tuple(calls), turn.usage, turn.finish)


def _entry_of(turn: Turn, step: int) -> Entry:
    return Entry(role="assistant", content=turn.content, reasoning=turn.reasoning, calls=turn.calls, step=step)
