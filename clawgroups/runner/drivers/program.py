"""The program driver: an executable takes the turns, over JSON lines on its standard input and output."""

from __future__ import annotations

import asyncio
import collections
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from clawgroups.errors import DriverError
from clawgroups.group.members import ProgramConfig
from clawgroups.group.thread import Entry, ToolCall, Turn
from clawgroups.group.tools import ToolSpec
from clawgroups.runner.drivers.base import OnDelta
from clawgroups.runner.drivers.program_protocol import (
    Calls,
    Failure,
    Log,
    Result,
    Text,
    parse,
    results_message,
    task_message,
)
from clawgroups.runner.reaper import Reaper

log = logging.getLogger("clawgroups.program")
IDLE_S = 600.0
KEPT_ERROR_LINES = 20
_PASSED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")


class ProgramDriver:
    """Drives one sub-agent with one process, which is started at the first turn and may be started again."""

    def __init__(
        self,
        config: ProgramConfig,
        *,
        agent: str,
        name: str,
        role: str,
        task: str,
        cwd: Path,
        reaper: Reaper,
        seat: str,
        idle_s: float = IDLE_S,
    ) -> None:
        self._config = config
        self._who = (agent, name, role, task)
        self._cwd = cwd
        self._reaper = reaper
        self._seat = seat
        self._idle_s = idle_s
        self._process: asyncio.subprocess.Process | None = None
        self._errors: collections.deque[str] = collections.deque(maxlen=KEPT_ERROR_LINES)
        self._drain: asyncio.Task[None] | None = None
        self._told = 0
        self._lines = 0

    async def turn(self, thread: Sequence[Entry], tools: Sequence[ToolSpec], on_delta: OnDelta) -> Turn:
        """One turn: tells the program what is new and reads until it calls tools or ends."""
        if self._process is None or self._process.returncode is not None:
            await self._start()
            message = task_message(*self._who, thread, tools)
        else:
            message = results_message(thread[self._told :])
        self._told = len(thread) + 1  # the turn that this call makes is the thread's next entry
        await self._send(message)
        return await self._read(on_delta)

    async def close(self) -> None:
        """Ends the program; the seat proves that nothing of it is left."""
        if self._process is not None:
            await self._reaper.stop(self._seat)
        if self._drain is not None:
            self._drain.cancel()

    async def _start(self) -> None:
        command = [part.replace("{python}", sys.executable) for part in self._config.command]
        env = {name: os.environ[name] for name in _PASSED if name in os.environ} | self._config.env
        try:
            self._process = await self._reaper.spawn(self._seat, command, cwd=self._cwd, env=env)
        except OSError as error:
            raise DriverError(
                f"The program {command[0]!r} cannot be started: {error.strerror or error}.",
                kind="program",
                hint="Is it installed on the runner's machine, and executable?",
            ) from error
        self._lines = 0
        self._drain = asyncio.ensure_future(self._keep_errors(self._process))

    async def _keep_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while data := await process.stderr.read(65_536):
            self._errors.extend(data.decode("utf-8", "replace").splitlines()[-KEPT_ERROR_LINES:])

    async def _send(self, message: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(message)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            log.debug("the program closed its input; its output tells why")

    async def _read(self, on_delta: OnDelta) -> Turn:
        words: list[str] = []
        reasoning: list[str] = []
        while True:
            said = parse(await self._line(), self._lines)
            match said:
                case Text(type="reasoning"):
                    reasoning.append(said.text)
                    on_delta("reasoning", said.text)
                case Text():
                    words.append(said.text)
                    on_delta("text", said.text)
                case Calls():
                    return _turn("".join(words) + said.text, "".join(reasoning), said)
                case Result():
                    return Turn(content=said.text, reasoning="".join(reasoning))
                case Log():
                    log.info("%s: %s", self._who[1], said.text[:500])
                case Failure():
                    raise DriverError(said.sentence, kind="program", hint=said.hint, partial="".join(words))

    async def _line(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        while True:
            self._lines += 1
            try:
                line = await asyncio.wait_for(self._process.stdout.readline(), self._idle_s)
            except TimeoutError as error:
                raise DriverError(f"The program said nothing for {self._idle_s:g} s.", kind="silent") from error
            except ValueError as error:
                raise DriverError(f"The program's line {self._lines} is too long.", kind="protocol") from error
            if not line:
                raise await self._ended()
            if line.strip():
                return line

    async def _ended(self) -> DriverError:
        assert self._process is not None
        status = await self._process.wait()
        if self._drain is not None:
            await asyncio.wait({self._drain}, timeout=1.0)
        self._reaper.forget(self._process, self._seat)
        tail = "\n".join(list(self._errors)[-5:])
        return DriverError(
            f"The program ended with status {status} and no result.",
            kind="program",
            hint=f"Its last words on standard error:\n{tail}" if tail else "It wrote nothing on standard error.",
        )


def _turn(words: str, reasoning: str, said: Calls) -> Turn:
    calls = tuple(
        ToolCall(id=c.id or f"call_{number}", name=c.name, arguments=json.dumps(c.arguments, ensure_ascii=False))
        for number, c in enumerate(said.calls)
    )
    return Turn(content=words, reasoning=reasoning, calls=calls, finish="tool_calls")
