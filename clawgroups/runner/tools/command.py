"""The tool that runs a command, always inside the sandbox; without one it is off and says why."""

from __future__ import annotations

import asyncio
import os

from pydantic import Field

from clawgroups.errors import ToolError
from clawgroups.group.tools import Policy
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import OUTSIDE, Limits, SandboxLevel, confined
from clawgroups.runner.tools.base import MAX_OUTPUT, Arguments, ToolContext, ToolResult, bounded, describe

GUARD_S = 0.1
KEEP = MAX_OUTPUT * 2  # characters of output kept at each end while it runs


class CommandArguments(Arguments):
    """Arguments of run_command."""

    command: str = Field(min_length=1, max_length=20_000, description="A shell command; it starts in the workspace")
    timeout_s: int = Field(60, ge=1, le=600, description="It is ended after so many seconds")


class RunCommand:
    """Runs a shell command without network, with limits. Asks a person first unless the group allows it."""

    arguments = CommandArguments

    def __init__(self, level: SandboxLevel) -> None:
        self.spec = describe(
            "run_command",
            "Run a shell command in your workspace (a sandbox without network). Returns its output and exit status.",
            CommandArguments,
            writes=True,
            runs=True,
            policy=Policy.ASK,
            off="" if level.ok else level.detail,
        )

    async def run(self, arguments: CommandArguments, context: ToolContext) -> ToolResult:
        if self.spec.off:
            raise ToolError(f"run_command is off here: {self.spec.off}")
        workspace = context.workspace
        limits = Limits(cpu_s=arguments.timeout_s + 5)
        argv = confined(
            ["/bin/sh", "-c", arguments.command],
            workspace.root,
            workspace.source,
            limits,
            context.seat,
            hidden=workspace.hidden,
        )
        process = await context.reaper.spawn(
            context.seat, argv, cwd=workspace.root, env=OUTSIDE, confined=True, stdin=False
        )
        try:
            return await self._watch(process, arguments.timeout_s, limits, context.reaper)
        finally:
            await asyncio.shield(context.reaper.end(process, context.seat))

    async def _watch(
        self, process: asyncio.subprocess.Process, timeout_s: int, limits: Limits, reaper: Reaper
    ) -> ToolResult:
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = _Tail(limits.output), _Tail(limits.output)
        reading = asyncio.gather(out.drain(process.stdout), err.drain(process.stderr))
        counting: asyncio.Future[None] = asyncio.ensure_future(guard(process, limits, reaper))
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.wait((reading, counting), return_when=asyncio.FIRST_COMPLETED)
                if counting.done():
                    counting.result()
                await reading
                status = await process.wait()
        except TimeoutError:
            return ToolResult(_report(out, err, f"ended after {timeout_s} s without finishing"), ok=False)
        except OverLimit as error:
            return ToolResult(_report(out, err, f"ended: {error}"), ok=False)
        finally:
            reading.cancel()
            counting.cancel()
            await asyncio.gather(reading, counting, return_exceptions=True)
        return ToolResult(_report(out, err, f"exit status {status}"), ok=status == 0)


class OverLimit(Exception):
    """The command went over a limit that the kernel does not hold by itself."""


async def guard(process: asyncio.subprocess.Process, limits: Limits, reaper: Reaper) -> None:
    """Counts processes where the kernel does not: the limit on them means nothing to root. Ends only by raising."""
    while True:
        await asyncio.sleep(GUARD_S)
        if os.getuid() == 0 and await reaper.count(process) > limits.processes:
            raise OverLimit(f"it started more than {limits.processes} processes")


class _Tail:
    """Keeps the beginning and the end of a stream of any length."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._head = b""
        self._tail = b""
        self._dropped = 0

    async def drain(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(65_536):
            self._left -= len(data)
            if self._left < 0:
                raise OverLimit("it wrote more output than is allowed")
            if len(self._head) < KEEP:
                self._head += data
            else:
                self._tail += data
                if len(self._tail) > KEEP:
                    self._dropped += len(self._tail) - KEEP
                    self._tail = self._tail[-KEEP:]

    def text(self) -> str:
        middle = f"\n... ({self._dropped:,} bytes left out) ...\n".encode() if self._dropped else b""
        return (self._head + middle + self._tail).decode("utf-8", "replace")


def _report(out: _Tail, err: _Tail, end: str) -> str:
    parts = [bounded(out.text())]
    if error := err.text().strip():
        parts.append(f"stderr:\n{bounded(error, MAX_OUTPUT // 3)}")
    parts.append(f"({end})")
    return "\n".join(part for part in parts if part)
