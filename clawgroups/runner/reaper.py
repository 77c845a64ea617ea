"""Starts processes for a seat and proves that none of them is left.

A process group is not enough: real agents start shells in sessions of their own, and some leave them running.
So each process gets a PID namespace of its own (bubblewrap), which the kernel empties when its first process
ends; and every process carries a mark in its environment, by which a scan of /proc finds whatever is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

MARK = "CLAWGROUPS_SEAT"
EOF_GRACE_S = 0.15
TERM_GRACE_S = 0.25
LOOK_FOR_S = 3.0
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
    """All processes of all seats of this runner."""

    def __init__(self, *, namespaces: bool = True) -> None:
        self._prefix = (namespace_prefix() if namespaces else []) or death_prefix()
        self._processes: dict[str, set[asyncio.subprocess.Process]] = defaultdict(set)
        self._scan: asyncio.Task[dict[str, list[int]]] | None = None
        self._next_scan: asyncio.Task[dict[str, list[int]]] | None = None

    async def spawn(
        self,
        seat: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        confined: bool = False,
        stdin: bool = True,
    ) -> asyncio.subprocess.Process:
        """Starts a process of ``seat``. ``confined``: argv already makes its own PID namespace.

        Raises OSError when the program cannot be started.
        """
        command = list(argv) if confined else [*self._prefix, *argv]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env={**env, MARK: seat},
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
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

    def forget(self, process: asyncio.subprocess.Process, seat: str) -> None:
        """A process that has ended by itself."""
        self._processes[seat].discard(process)
        if not self._processes[seat]:
            self._processes.pop(seat, None)

    async def stop(self, seat: str) -> StopProof:
        """Ends every process of the seat: end of input, SIGTERM, SIGKILL; then looks until none is found."""
        processes = [p for p in self._processes.pop(seat, set()) if p.returncode is None]
        if processes:
            await self._wind_down(processes)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LOOK_FOR_S
        strays: set[int] = set()
        while True:
            left = (await self._look()).get(seat, [])
            if not left:
                break
            strays.update(left)
            if loop.time() > deadline:
                break
            for pid in left:
                with contextlib.suppress(ProcessLookupError):  # it ended since the scan
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.02)
        detail = f"{len(processes)} ended, {len(strays)} found by their mark, {len(left)} left"
        return StopProof(found=len(processes) + len(strays), left=len(left), detail=detail)

    async def _wind_down(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        if await _all_ended(processes, EOF_GRACE_S):
            return
        for process in processes:
            _signal(process, signal.SIGTERM)
        if await _all_ended(processes, TERM_GRACE_S):
            return
        for process in processes:
            _signal(process, signal.SIGKILL)
        await _all_ended(processes, LOOK_FOR_S)

    async def _look(self) -> dict[str, list[int]]:
        """A scan of /proc that began after this call; many stops share one scan."""
        if self._scan is not None and not self._scan.done():
            if self._next_scan is None:
                self._next_scan = asyncio.ensure_future(self._scan_after(self._scan))
            return await asyncio.shield(self._next_scan)
        self._scan = asyncio.ensure_future(asyncio.to_thread(scan_marks))
        return await asyncio.shield(self._scan)

    async def _scan_after(self, before: asyncio.Task[dict[str, list[int]]]) -> dict[str, list[int]]:
        await asyncio.wait({before})
        self._scan, self._next_scan = self._next_scan, None
        return await asyncio.to_thread(scan_marks)


def scan_marks() -> dict[str, list[int]]:
    """Every process on this machine that carries a seat's mark: seat -> process ids. Zombies do not count."""
    found: dict[str, list[int]] = defaultdict(list)
    needle = f"{MARK}=".encode()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                environ = file.read()
        except OSError:
            continue  # it ended, or belongs to somebody else
        at = environ.find(needle)
        if at >= 0 and (at == 0 or environ[at - 1] == 0):
            value = environ[at + len(needle) :].split(b"\0", 1)[0]
            found[value.decode(errors="replace")].append(int(name))
    return found


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
