"""The two pipes to a program: lines in, checked messages out, and plain words about how it misbehaved or ended."""

from __future__ import annotations

import asyncio
import collections

from clawgroups.errors import DriverError
from clawgroups.runner.drivers.program_protocol import Log, Said, Text, parse
from clawgroups.runner.pipes import to_their_end
from clawgroups.runner.reaper import LINE_LIMIT

ENDING_S = 1.0  # a program that has closed its output gets so long to end
WAITING_LINES = 1_000  # read ahead; then the program has to wait
KEPT_ERROR_LINES = 20
ERROR_LINE = 500  # characters


class ProgramPipe:
    """One running program."""

    def __init__(self, process: asyncio.subprocess.Process, idle_s: float) -> None:
        self._process = process
        self._idle_s = idle_s
        self._numbered = 0
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_LINES)  # None: the end
        self._too_long = False
        self._errors: collections.deque[str] = collections.deque(maxlen=KEPT_ERROR_LINES)
        self._reader = asyncio.ensure_future(self._keep_lines())
        self._drain = asyncio.ensure_future(self._keep_errors())

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.returncode is not None

    def send(self, message: bytes) -> None:
        """Writes one message. Does not wait: a program that never reads is found out by its silence."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(message)

    async def receive(self, partial: str) -> Said:
        """The next message. Raises DriverError, which keeps ``partial``, when there will be none."""
        try:
            async with asyncio.timeout(self._idle_s):
                line = await self._line()
        except TimeoutError as error:
            sentence = f"The program said nothing for {self._idle_s:g} s."
            raise DriverError(sentence, kind="silent", hint=self._last_words(), partial=partial) from error
        if line is None:
            raise await self._ended_with(partial)
        try:
            return parse(line, self._numbered)
        except DriverError as error:
            error.partial = partial
            raise

    def check_silent(self) -> None:
        """Raises DriverError when the program has said more since it ended its turn: it did not wait."""
        while not self._lines.empty():
            line = self._lines.get_nowait()
            if line is None:
                self._lines.put_nowait(None)
                return
            self._numbered += 1
            if line.strip() and not isinstance(parse(line, self._numbered), Text | Log):
                raise DriverError(
                    f"The program answered twice (line {self._numbered}) without waiting for the results of its calls.",
                    kind="protocol",
                    hint="See docs/programs.md: after calls, read one results message before going on.",
                )

    async def close(self) -> None:
        """Ends the reading; the process itself is the reaper's affair."""
        for task in (self._reader, self._drain):
            task.cancel()
        await asyncio.gather(self._reader, self._drain, return_exceptions=True)
        await to_their_end(self._process)

    async def _line(self) -> bytes | None:
        while True:
            line = await self._lines.get()
            self._numbered += 1
            if line is None or line.strip():
                return line

    async def _keep_lines(self) -> None:
        assert self._process.stdout is not None
        try:
            while line := await self._process.stdout.readline():
                await self._lines.put(line)
        except ValueError:  # what asyncio raises for a line over its limit
            self._too_long = True
        await self._lines.put(None)

    async def _keep_errors(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(65_536):
            lines = data.decode("utf-8", "replace").splitlines()[-KEPT_ERROR_LINES:]
            self._errors.extend(line[:ERROR_LINE] for line in lines)

    async def _ended_with(self, partial: str) -> DriverError:
        if self._too_long:
            sentence = f"The program's line {self._numbered} is too long (over {LINE_LIMIT:,} bytes)."
            return DriverError(sentence, kind="protocol", partial=partial)
        try:
            async with asyncio.timeout(ENDING_S):
                status = await self._process.wait()
                await asyncio.wait({self._drain})
        except TimeoutError:
            sentence = "The program closed its output without a result, but goes on running."
            return DriverError(sentence, kind="program", hint=self._last_words(), partial=partial)
        sentence = f"The program ended with status {status} and no result."
        return DriverError(sentence, kind="program", hint=self._last_words(), partial=partial)

    def _last_words(self) -> str:
        tail = "\n".join(list(self._errors)[-5:])
        return f"Its last words on standard error:\n{tail}" if tail else "It wrote nothing on standard error."
