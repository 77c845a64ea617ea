"""A person's terminal on a seat: a shell on a PTY inside the sub-agent's sandbox.

It is an ordinary call, on record before the shell starts. The shell may outlive its call (``keep``): then it takes no
words until the next call, and what comes out of it meanwhile belongs to that one's record.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clawgroups.errors import ToolError
from clawgroups.link import messages as ms
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import OUTSIDE, Limits, confined
from clawgroups.runner.terminal_pty import Line, open_line
from clawgroups.runner.terminal_record import Record
from clawgroups.runner.tools.base import ToolContext, ToolResult
from clawgroups.runner.tools.command import OverLimit, guard

log = logging.getLogger("clawgroups.terminal")
LIMITS = Limits(cpu_s=24 * 3_600)
SHELLS = (("/usr/bin/bash", ("--noprofile", "--norc", "-i")), ("/usr/bin/dash", ("-i",)), ("/usr/bin/sh", ("-i",)))
CUT_OFF = "it was ended with the wheel; whatever was under way was cut off, and what that had done is not known"
KEPT = "it was left open"
CLOSED = "the person closed it"


class Shell:
    """One shell with its PTY, from its start to the proof that nothing of it is left."""

    def __init__(self, process: asyncio.subprocess.Process, line: Line) -> None:
        self.process = process
        self.line = line
        self._hung_up = asyncio.Event()

    @classmethod
    async def start(cls, cols: int, rows: int, context: ToolContext, heard: Callable[[str], None]) -> Shell:
        """Raises ToolError when it cannot be started."""
        workspace = context.workspace
        argv = confined(
            ["setsid", "--ctty", "--wait", *_shell()],
            workspace.root,
            workspace.source,
            LIMITS,
            context.seat,
            hidden=workspace.hidden,
        )
        master, slave = open_line(cols, rows)
        line = Line(master, heard)
        try:
            process = await context.reaper.spawn(
                context.seat, argv, cwd=workspace.root, env=OUTSIDE, confined=True, tty=slave.fileno()
            )
        except OSError as error:
            line.close()
            raise ToolError(f"The terminal cannot be opened: {error.strerror or error}.") from error
        except BaseException:
            line.close()
            raise
        finally:
            slave.close()
        return cls(process, line)

    def hang_up(self) -> None:
        """Asks for its end."""
        self._hung_up.set()

    async def live(self, reaper: Reaper, seat: str) -> str:
        """Why it ended, once it has: by itself, over a limit, or hung up on."""
        exits = asyncio.ensure_future(self.process.wait())
        counting: asyncio.Future[None] = asyncio.ensure_future(guard(self.process, LIMITS, reaper))
        asked = asyncio.ensure_future(self._hung_up.wait())
        waiting = (exits, counting, asked)
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            why = _why(counting, exits)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.shield(reaper.end(self.process, seat))
        await self.line.drain()
        return why


class Terminal:
    """The one terminal of a seat: at most one shell, and at most one call at a time."""

    def __init__(self, agent: str, epoch: int, send: Callable[[ms.FromRunner], None]) -> None:
        self._agent = agent
        self._epoch = epoch
        self._send = send
        self._shell: Shell | None = None
        self._life: asyncio.Task[str] | None = None
        self._record = Record()
        self._ending: asyncio.Future[bool] | None = None  # of the call: whether the shell is kept

    async def run(self, cols: int, rows: int, context: ToolContext) -> ToolResult:
        """The call, from the first word to its record. Raises ToolError when no shell can start."""
        if self._ending is not None:
            raise ToolError("The terminal is open already.")
        ending = self._ending = asyncio.get_running_loop().create_future()
        since, telling = time.monotonic(), None
        try:
            fresh = self._shell is None
            if self._shell is None or self._life is None:
                await self._start(cols, rows, context)
            ended = await self._until_ended(ending, fresh, cols, rows)
            telling = self._telling(since, ended)
            return ToolResult(await asyncio.shield(telling))
        except asyncio.CancelledError:
            context.left.append(await (telling or self._telling(since, CUT_OFF)))
            raise
        finally:
            if self._ending is ending:
                self._ending = None

    async def _start(self, cols: int, rows: int, context: ToolContext) -> None:
        self._record = Record()
        shell = self._shell = await Shell.start(cols, rows, context, self._came_out)
        self._life = asyncio.ensure_future(self._until_gone(shell, context.reaper, context.seat))

    async def _until_ended(self, ending: asyncio.Future[bool], fresh: bool, cols: int, rows: int) -> str:
        assert self._shell is not None
        assert self._life is not None
        shell, life = self._shell, self._life
        shell.line.resize(cols, rows)
        self._record.cols = cols
        self._send(ms.TerminalOpened(agent=self._agent, epoch=self._epoch, fresh=fresh, cols=cols, rows=rows))
        shell.line.begin(self._piece)
        waiting: set[asyncio.Future[Any]] = {life, ending}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not life.done():
            if ending.result():
                return KEPT
            shell.hang_up()
        return await asyncio.shield(life)

    async def _until_gone(self, shell: Shell, reaper: Reaper, seat: str) -> str:
        why = await shell.live(reaper, seat)
        self._forget()
        self._send(ms.TerminalClosed(agent=self._agent, epoch=self._epoch, why=why))
        return why

    def hear(self, order: ms.AnyMessage) -> None:
        """What the dispatcher says about this terminal. Words only reach a shell whose call is open."""
        match order:
            case ms.TerminalEnd():
                self._end(order.keep)
            case ms.TerminalInput() if self._shell is not None and self._ending is not None:
                self._record.typed(order.text, hidden=self._shell.line.hides_input())
                self._shell.line.write(order.text)
            case ms.TerminalSize() if self._shell is not None:
                self._shell.line.resize(order.cols, order.rows)
                self._record.cols = order.cols
            case ms.TerminalTaken() if self._shell is not None:
                self._shell.line.taken(order.number)

    def _end(self, keep: bool) -> None:
        if self._ending is not None and not self._ending.done():
            self._ending.set_result(keep)
        elif self._shell is not None and not keep:
            self._shell.hang_up()

    def close(self) -> None:
        """The seat ends: lets go of the PTY. What still runs is the reaper's business."""
        if self._life is not None:
            self._life.cancel()
        self._forget()

    def _forget(self) -> None:
        if self._shell is not None:
            self._shell.line.close()
        self._shell = self._life = None

    def _came_out(self, text: str) -> None:
        self._record.came_out(text)

    def _piece(self, number: int, text: str) -> None:
        self._send(ms.TerminalOutput(agent=self._agent, epoch=self._epoch, number=number, text=text))

    def _telling(self, since: float, ended: str) -> asyncio.Future[str]:
        """The call is over: its record, made in a thread, since hostile output takes a while to read."""
        self._ending = None
        record, self._record = self._record, Record(self._record.cols)
        words = f"A terminal, used by hand for {time.monotonic() - since:.0f} s: {ended}."
        return asyncio.ensure_future(asyncio.to_thread(record.told, words))


def _why(counting: asyncio.Future[None], exits: asyncio.Future[int]) -> str:
    if exits.done():
        return f"its shell ended with exit status {exits.result()}"
    if counting.done():
        error = counting.exception()
        if not isinstance(error, OverLimit):
            log.error("the count of a terminal's processes broke", exc_info=error, extra={"action": "guard_broke"})
        return f"it was ended, for {error}"
    return CLOSED


def _shell() -> list[str]:
    shell, flags = next(((path, flags) for path, flags in SHELLS if Path(path).exists()), SHELLS[-1])
    return ["env", "TERM=xterm-256color", r"PS1=\w \$ ", f"SHELL={shell}", shell, *flags]
