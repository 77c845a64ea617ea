"""The tool that runs a command, always inside the sandbox; without one it is off and says why."""

from __future__ import annotations

import asyncio
import os

from pydantic import Field

from clawgroups.errors import ToolError
from clawgroups.group.tools import Policy
from clawgroups.runner.sandbox import Limits, SandboxLevel, confined
from clawgroups.runner.tools.base import MAX_OUTPUT, Arguments, ToolContext, ToolResult, bounded, describe

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
            policy=Policy.ASK,
            off="" if level.ok else level.detail,
        )

    async def run(self, arguments: CommandArguments, context: ToolContext) -> ToolResult:
        if self.spec.off:
            raise ToolError(f"run_command is off here: {self.spec.off}")
        workspace = context.workspace
        argv = confined(
            ["/bin/sh", "-c", arguments.command],
            workspace.root,
            workspace.source,
            Limits(cpu_s=arguments.timeout_s + 5),
            context.seat,
        )
        process = await context.reaper.spawn(
            context.seat, argv, cwd=workspace.root, env=dict(os.environ), confined=True, stdin=False
        )
        try:
            return await self._watch(process, arguments.timeout_s)
        finally:
            await asyncio.shield(context.reaper.end(process, context.seat))

    async def _watch(self, process: asyncio.subprocess.Process, timeout_s: int) -> ToolResult:
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = _Tail(), _Tail()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(out.drain(process.stdout), err.drain(process.stderr))
                status = await process.wait()
        except TimeoutError:
            return ToolResult(_report(out, err, f"ended after {timeout_s} s without finishing"), ok=False)
        return ToolResult(_report(out, err, f"exit status {status}"), ok=status == 0)


class _Tail:
    """Keeps the beginning and the end of a stream of any length."""

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""
        self._dropped = 0

    async def drain(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(65_536):
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
