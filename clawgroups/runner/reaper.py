"""Starts processes for a seat and proves that none of them is left.

A process group is not enough: real agents start shells in sessions of their own, and some leave them running.
So each process gets a PID namespace of its own (bubblewrap), which the kernel empties when its first process
ends; and every process carries a mark in its environment. A scan of /proc finds whatever is left by either.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from clawgroups.runner.pipes import to_their_end
from clawgroups.runner.scan import MARK, OWNER, Found, identity, is_orphan, kill, of_seat, scan

EOF_GRACE_S = 0.15
TERM_GRACE_S = 0.2
KILL_S = 0.5
LOOK_FOR_S = 1.5
LINE_LIMIT = 4 * 1024 * 1024


class StopProof(Struct, frozen=True):
    """What a stop found. ``left`` is 0 unless the kernel would not let go of a process."""

    found: int
    left: int
    detail: str


def namespace_prefix() -> list[str]:
    """Argv that puts a command into a PID namespace with the file system as it is; empty without bubblewrap."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return []
    return [bwrap, "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--die-with-parent", "--"]


def death_prefix() -> list[str]:
    """Argv that lets a command die with this process where there is no namespace; empty without setpriv."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


class Reaper:
    """All processes of all seats of this runner. ``namespaces``: whether bubblewrap works here (see the probe)."""

    def __init__(self, *, namespaces: bool = True) -> None:
        inside = namespace_prefix() if namespaces else []
        self.level = "namespace" if inside else "mark"
        self._prefix = inside or death_prefix()
        self._owner = identity(os.getpid())
        self._processes: dict[str, set[asyncio.subprocess.Process]] = defaultdict(set)
        self._started: set[str] = set()  # seats that have ever had a process; no other can own one
        # NOTE: a thread of its own: a stop must not wait behind tools that read and search.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="reaper")
        self._scan: asyncio.Task[list[Found]] | None = None
        self._next_scan: asyncio.Task[list[Found]] | None = None

    @property
    def promise(self) -> str:
        """What a stop finds on this machine, in plain words."""
        if self.level == "namespace":
            return "each program and command runs in a PID namespace of its own"
        return "without PID namespaces: only processes that keep their mark in the environment can be found"

    async def spawn(
        self,
        seat: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        confined: bool = False,
        stdin: bool = True,
        tty: int | None = None,
    ) -> asyncio.subprocess.Process:
        """Starts a process of ``seat``. ``confined``: argv already makes its own PID namespace; ``tty``: the end of
        a PTY that takes the place of its three pipes.

        Raises OSError when the program cannot be started.
        """
        command = list(argv) if confined else [*self._prefix, *argv]
        making = asyncio.ensure_future(self._make(seat, command, cwd, env, _pipes(tty, stdin=stdin)))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            # NOTE: cancelling asyncio's own start of a process may hang, or lose a process that has begun.
            await asyncio.wait({making})
            if making.exception() is None:
                _signal(making.result(), signal.SIGKILL)
            raise

    async def _make(
        self, seat: str, command: Sequence[str], cwd: Path, env: Mapping[str, str], pipes: tuple[int, int, int]
    ) -> asyncio.subprocess.Process:
        self._started.add(seat)
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env={**env, MARK: seat, OWNER: self._owner},
            stdin=pipes[0],
            stdout=pipes[1],
            stderr=pipes[2],
            start_new_session=True,
            limit=LINE_LIMIT,
        )
        self._processes[seat].add(process)
        return process

    async def end(self, process: asyncio.subprocess.Process, seat: str) -> None:
        """Kills one process with its group and forgets it; what left its group is found by ``stop``."""
        _signal(process, signal.SIGKILL)
        await process.wait()
        self.forget(process, seat)
        await to_their_end(process)

    def forget(self, process: asyncio.subprocess.Process, seat: str) -> None:
        """A process that has ended by itself."""
        self._processes[seat].discard(process)
        if not self._processes[seat]:
            self._processes.pop(seat, None)

    async def stop(self, seat: str) -> StopProof:
        """Ends every process of the seat: end of input, SIGTERM, SIGKILL; then looks until none is found.

        A seat's mark names one epoch, and only ``spawn`` makes processes with it: without one there is nothing to find.
        """
        if seat not in self._started:
            return StopProof(found=0, left=0, detail="it had started no process")
        processes = [p for p in self._processes.pop(seat, set()) if p.returncode is None]
        before = await self._look()
        namespaces = {each.namespace for each in before if each.seat == seat and each.namespace}
        if processes:
            await _wind_down(processes)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LOOK_FOR_S
        strays: set[int] = set()
        found = before if not processes else await self._look()
        while left := of_seat(found, seat, namespaces):
            strays.update(each.pid for each in left)
            namespaces.update(each.namespace for each in left if each.namespace)
            if loop.time() > deadline:
                break
            for each in left:
                kill(each)
            await asyncio.sleep(0.01)
            found = await self._look()
        if not left:
            self._started.discard(seat)
        detail = f"{len(processes)} ended, {len(strays)} more found and killed, {len(left)} left; {self.promise}"
        return StopProof(found=len(processes) + len(strays), left=len(left), detail=detail)

    async def sweep(self) -> int:
        """Kills what a runner that was killed itself has left on this machine. Returns how many it found."""
        left = [each for each in await self._look() if is_orphan(each)]
        for each in left:
            kill(each)
        return len(left)

    async def count(self, process: asyncio.subprocess.Process) -> int:
        """How many processes live in the PID namespace that ``process`` made."""
        inside = await asyncio.get_running_loop().run_in_executor(self._threads, _namespace_below, process.pid)
        return sum(each.namespace == inside for each in await self._look()) if inside else 0

    async def _look(self) -> list[Found]:
        """A scan of /proc that began after this call; many stops share one scan."""
        if self._scan is not None and not self._scan.done():
            if self._next_scan is None:
                self._next_scan = asyncio.ensure_future(self._scan_after(self._scan))
            return await asyncio.shield(self._next_scan)
        self._scan = asyncio.ensure_future(self._in_thread())
        return await asyncio.shield(self._scan)

    async def _scan_after(self, before: asyncio.Task[list[Found]]) -> list[Found]:
        await asyncio.wait({before})
        self._scan, self._next_scan = self._next_scan, None
        return await self._in_thread()

    async def _in_thread(self) -> list[Found]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, scan)


def _pipes(tty: int | None, *, stdin: bool) -> tuple[int, int, int]:
    if tty is not None:
        return tty, tty, tty
    pipe = asyncio.subprocess.PIPE
    return (pipe if stdin else asyncio.subprocess.DEVNULL), pipe, pipe


def _namespace_below(pid: int) -> str:
    """The PID namespace of the first child of ``pid``; empty when there is none (yet, or any more)."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = file.read().split()
        return os.readlink(f"/proc/{children[0]}/ns/pid") if children else ""
    except OSError:
        return ""


async def _wind_down(processes: Sequence[asyncio.subprocess.Process]) -> None:
    listening = [process.stdin for process in processes if process.stdin is not None]
    for stdin in listening:
        stdin.close()
    if listening and await _all_ended(processes, EOF_GRACE_S):
        return
    for process in processes:
        _signal(process, signal.SIGTERM)
    if await _all_ended(processes, TERM_GRACE_S):
        return
    for process in processes:
        _signal(process, signal.SIGKILL)
    await _all_ended(processes, KILL_S)


async def _all_ended(processes: Sequence[asyncio.subprocess.Process], within_s: float) -> bool:
    waiting = [asyncio.ensure_future(process.wait()) for process in processes]
    done, pending = await asyncio.wait(waiting, timeout=within_s)
    for task in pending:
        task.cancel()
    return len(done) == len(waiting)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):  # it ended this very moment
        os.killpg(process.pid, number)
