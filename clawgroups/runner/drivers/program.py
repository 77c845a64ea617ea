"""The program driver: an executable takes the turns, over JSON lines on its standard input and output."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from clawgroups.errors import DriverError
from clawgroups.group.members import ProgramConfig
from clawgroups.group.thread import Entry, ToolCall, Turn
from clawgroups.group.tools import ToolSpec
from clawgroups.runner.drivers.base import OnDelta
from clawgroups.runner.drivers.program_pipe import ProgramPipe
from clawgroups.runner.drivers.program_protocol import (
    Calls,
    Failure,
    Log,
    Result,
    Text,
    results_message,
    task_message,
)
from clawgroups.runner.reaper import Reaper

log = logging.getLogger("clawgroups.program")
IDLE_S = 600.0
MOST_TEXT = 4_000_000  # characters of one turn
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
        self._pipe: ProgramPipe | None = None
        self._told = 0
        self._asked: list[str] = []  # ids of the calls that the program made last, as it wrote them

    async def turn(self, thread: Sequence[Entry], tools: Sequence[ToolSpec], on_delta: OnDelta) -> Turn:
        """One turn: tells the program what is new and reads until it calls tools or ends."""
        pipe = self._pipe
        if pipe is None or pipe.ended:
            pipe = await self._start()
            message = task_message(*self._who, thread, tools)
        else:
            pipe.check_silent()
            message = results_message(self._news(thread))
        self._told = len(thread)
        pipe.send(message)
        return await self._read(pipe, on_delta)

    async def close(self) -> None:
        """Ends the program; the seat proves that nothing of it is left."""
        if self._pipe is not None:
            await self._reaper.stop(self._seat)
            await self._pipe.close()

    async def _start(self) -> ProgramPipe:
        if self._pipe is not None:
            await self._pipe.close()
        command = [part.replace("{python}", sys.executable) for part in self._config.command]
        env = {name: os.environ[name] for name in _PASSED if name in os.environ} | self._config.env
        if shutil.which(self._cwd / command[0] if "/" in command[0] else command[0], path=env.get("PATH")) is None:
            raise _cannot_start(command[0], "there is no such program, or it is not executable")
        try:
            process = await self._reaper.spawn(self._seat, command, cwd=self._cwd, env=env)
        except (OSError, ValueError) as error:
            raise _cannot_start(command[0], getattr(error, "strerror", None) or str(error)) from error
        self._pipe = ProgramPipe(process, self._idle_s)
        return self._pipe

    def _news(self, thread: Sequence[Entry]) -> list[Entry]:
        """What the thread gained, without the program's own turn, under the ids that the program knows."""
        news = list(thread[self._told :])
        own = next((at for at, entry in enumerate(news) if entry.role == "assistant"), None)
        if own is None:
            return news
        mine = news.pop(own)
        ids = dict(zip((call.id for call in mine.calls), self._asked, strict=False))
        return [
            msgspec.structs.replace(entry, call_id=ids[entry.call_id]) if entry.call_id in ids else entry
            for entry in news
        ]

    async def _read(self, pipe: ProgramPipe, on_delta: OnDelta) -> Turn:
        words: list[str] = []
        reasoning: list[str] = []
        room = MOST_TEXT
        while True:
            said = await pipe.receive("".join(words))
            match said:
                case Text():
                    room -= len(said.text)
                    if room < 0:
                        sentence = f"The program said more than {MOST_TEXT:,} characters in one turn."
                        raise DriverError(sentence, kind="protocol", partial="".join(words))
                    (reasoning if said.type == "reasoning" else words).append(said.text)
                    on_delta(said.type, said.text)
                case Calls():
                    self._asked = [call.id for call in said.calls]
                    return _turn("".join(words) + said.text, "".join(reasoning), said)
                case Result():
                    return Turn(content=said.text, reasoning="".join(reasoning))
                case Log():
                    log.info("%s: %s", self._who[1], said.text[:500])
                case Failure():
                    raise DriverError(said.sentence, kind="program", hint=said.hint, partial="".join(words))


def _cannot_start(program: str, why: str) -> DriverError:
    hint = "Is it installed on the runner's machine, and executable?"
    return DriverError(f"The program {program!r} cannot be started: {why}.", kind="program", hint=hint)


def _turn(words: str, reasoning: str, said: Calls) -> Turn:
    calls = tuple(
        ToolCall(id=c.id or f"call_{number}", name=c.name, arguments=json.dumps(c.arguments, ensure_ascii=False))
        for number, c in enumerate(said.calls)
    )
    return Turn(content=words, reasoning=reasoning, calls=calls, finish="tool_calls")
