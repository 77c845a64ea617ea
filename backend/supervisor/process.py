"""One run of a program and of everything that it starts; when it is over, nothing of it is left.

SGLang starts many processes, and what they start may leave their group. So all of them carry a mark in their
environment, and whoever has it, or is in the session, belongs to the run. A supervisor may be killed before it can end
them: then their keeper does, and should that one be killed too, the next supervisor finds them by their mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from backend.errors import LaunchFailed

MARK = "CLAWGROUPS_BACKEND_RUN"
KEEPER = "backend.supervisor.keeper"
LONGEST_LINE = 2**20
GONE_WITHIN_S = 15.0
LOOK_EVERY_S = 0.05


class Process:
    """A program that runs. Make one with ``start``."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str, keeper: asyncio.subprocess.Process) -> None:
        self._process = process
        self.mark = mark
        self._keeper = keeper

    @classmethod
    async def start(cls, argv: list[str], environment: dict[str, str], folder: Path) -> Process:
        """Starts it in a session of its own, standard error joined to output. Raises LaunchFailed."""
        mark = secrets.token_hex(16)
        keeper = await _keeper(mark)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment | {MARK: mark},
                cwd=folder,
                start_new_session=True,
                limit=LONGEST_LINE,
            )
        except OSError as error:
            await _end(keeper)
            raise LaunchFailed(
                f"{argv[0]} cannot be started: {error.strerror}.", "Run backend setup to make the environment again."
            ) from error
        assert keeper.stdin is not None
        keeper.stdin.write(f"{process.pid}\n".encode())
        return cls(process, mark, keeper)

    @property
    def id(self) -> int:
        """The process id of the first of them."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, None while it runs; minus the signal that ended it."""
        return self._process.returncode

    async def lines(self) -> AsyncIterator[str]:
        """What all of them print, until the last has ended; a progress bar that is drawn over gives many lines."""
        assert self._process.stdout is not None
        rest = b""
        while part := await self._process.stdout.read(65536):
            *whole, rest = (rest + part).replace(b"\r", b"\n").split(b"\n")
            for line in whole:
                if line.strip():
                    yield line.decode(errors="replace")
            if len(rest) > LONGEST_LINE:
                yield rest.decode(errors="replace")
                rest = b""
        if rest.strip():
            yield rest.decode(errors="replace")

    async def wait(self) -> int:
        """Waits until the first of them is over, even where others still hold its output open.

        asyncio's own wait ends only when the pipe does, so the status is looked at instead.
        """
        while self._process.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        return self._process.returncode

    async def stop(self, patience_s: float) -> None:
        """Asks the first to finish its work and end, waits, then ends whoever is left. Raises LaunchFailed."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), patience_s)
        await self.clear()
        await self.wait()

    async def clear(self) -> None:
        """Ends whoever is left, and then their keeper. May be called again. Raises LaunchFailed."""
        await end_all(self.mark, self.id)
        await _end(self._keeper)


async def _keeper(mark: str) -> asyncio.subprocess.Process:
    """Ends the run of ``mark`` when we are gone. It is there before the run is. Raises LaunchFailed."""
    paths = (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", KEEPER, mark,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != MARK}
            | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise LaunchFailed(
            f"{sys.executable} cannot be started: {error.strerror}.", "The machine may be short of memory or processes."
        ) from error


async def _end(keeper: asyncio.subprocess.Process) -> None:
    if keeper.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            keeper.kill()
    await keeper.wait()


async def end_all(mark: str, session: int | None) -> None:
    """Ends every process of a run. Raises LaunchFailed if one cannot be ended."""
    until = asyncio.get_running_loop().time() + GONE_WITHIN_S
    while left := await asyncio.to_thread(members, mark, session):
        if asyncio.get_running_loop().time() > until:
            raise LaunchFailed(
                f"The processes {', '.join(map(str, sorted(left)))} cannot be ended.",
                "They may hang in the GPU's driver; look at dmesg, and restart the machine if need be.",
            )
        for one in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        await asyncio.sleep(LOOK_EVERY_S)


def members(mark: str, session: int | None) -> set[int]:
    """Ids of the processes of a run that still live; ``session`` None: by the mark alone."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            in_session = session is not None and os.getsid(process.pid) == session
            if in_session or process.environ().get(MARK) == mark:
                found.add(process.pid)
    return found
