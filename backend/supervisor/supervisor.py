"""Keeps one SGLang process and all that it starts alive: start, load, ready, crash, start again, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

import httpx

from backend.errors import BackendError, LaunchFailed
from backend.supervisor.environment import Environment
from backend.supervisor.faults import words_for
from backend.supervisor.journal import Journal
from backend.supervisor.launch import Launch
from backend.supervisor.process import Process, end_all
from backend.supervisor.progress import Reader
from backend.supervisor.state import FOLLOWS, Backoff, Fault, State, Status

log = logging.getLogger("backend.supervisor")
ASK_EVERY_S, ASK_FOR_S = 0.25, 5.0
JOINED = "Dummy health check server started"
"""What a node of another rank than 0 says when its part of the model is loaded: it answers nothing but its health."""
STATUS_FILE, LOG_FILE, LOCK_FILE = "status.json", "sglang.log", "supervisor.lock"


class Supervisor:
    """One per process of SGLang. ``folder`` keeps its status as JSON and its log; ``hears`` is told each line too.

    ``make`` is asked for each start, so that what it reads may change; it raises BackendError. Raises LaunchFailed
    while another supervisor has the folder: what that one runs must not be taken for something left behind.
    """

    def __init__(
        self,
        make: Callable[[], Launch],
        folder: Path,
        *,
        environment: Environment | None = None,
        backoff: Backoff | None = None,
        secrets: tuple[str, ...] = (),
        hears: Callable[[str], object] | None = None,
    ) -> None:
        self._make = make
        self._folder = folder
        self._environment = environment
        self._hears = hears
        self._backoff = backoff or Backoff()
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _alone(folder)
        self.journal = Journal(folder / LOG_FILE, secrets)
        self._status = Status()
        self._moved = asyncio.Condition()
        self._version = 0
        self._running: asyncio.Task[None] | None = None
        self._turning = asyncio.Lock()
        self._metrics = self._mark = ""
        self._unsaved = False
        self._left = _left_behind(folder / STATUS_FILE)  # before the first status of ours takes its place

    @property
    def metrics_url(self) -> str:
        """Where its figures are, "" while it is not ready or on a node without HTTP."""
        return self._metrics if self._status.state == "ready" else ""

    @property
    def processes(self) -> list[int]:
        """The first process of each run that is going on."""
        return [self._status.process] if self._status.process else []

    def status(self) -> Status:
        """What it is and does now."""
        return self._status

    def log(self, after: int) -> list[tuple[int, str]]:
        """Lines of its log after a number, oldest first."""
        return self.journal.after(after)

    async def changes(self) -> AsyncIterator[Status]:
        """What it is now, then each change. Who is slow misses moments between, never the last one."""
        seen = -1
        while True:
            async with self._moved:
                await self._moved.wait_for(lambda: self._version > seen)  # noqa: B023 - read at once
                seen, status = self._version, self._status
            yield status

    async def reached(self, *states: State) -> Status:
        """Waits until it is in one of these states."""
        async for status in self.changes():
            if status.state in states:
                return status
        raise AssertionError("changes never end")

    async def start(self) -> None:
        """Begins to start it and returns; nothing where it runs."""
        async with self._turning:
            if self._running and not self._running.done():
                return
            self._backoff.crashes = 0
            await self._set(replace(self._status, restarts=0, error=None))
            self._running = asyncio.create_task(self._run(), name="supervisor")

    async def stop(self) -> None:
        """Lets it finish its requests, stops it and waits for its end; nothing where it is stopped."""
        async with self._turning:
            running, self._running = self._running, None
            had_failed = self._status.state == "failed"
            if running:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running
            if self._status.state == "failed" and not had_failed:
                return  # it could not be ended, and says so
            if self._status.state != "stopped":
                if "stopped" not in FOLLOWS[self._status.state]:  # it ended by itself this very moment
                    await self._turn("draining", sentence="Ending")
                await self._turn("stopped", process=None)

    async def restart(self) -> None:
        """Stops and starts it."""
        await self.stop()
        await self.start()

    async def close(self) -> None:
        """Stops it for good."""
        await self.stop()
        self.journal.close()
        self._lock.close()

    async def _run(self) -> None:
        """All of its life until it is stopped or given up. Whatever fails ends as a status, never unseen."""
        try:
            await self._prepare()
            while await self._once():
                waiting = self._status.again_in or 0.0
                await asyncio.sleep(waiting)
                await self._set(replace(self._status, restarts=self._status.restarts + 1))
        except asyncio.CancelledError:
            raise
        except BackendError as error:
            await self._fail(Fault(error.sentence, error.hint))
        except Exception as error:
            log.exception("the supervisor failed")
            await self._fail(
                Fault(f"The supervisor failed: {type(error).__name__}: {error}", "This is a fault of ours.")
            )

    async def _prepare(self) -> None:
        await self._end_leftovers()
        if self._environment is not None and not self._environment.ready():
            await self._turn("installing", sentence=self._environment.recipe.title)
            await self._environment.make(self._note)

    async def _once(self) -> bool:
        """One start until its end. True if it shall be started again, after ``again_in``."""
        await self._turn("starting", sentence="Starting")
        launch = self._make()
        try:
            launch.check()
        except LaunchFailed as error:
            if not self._status.restarts:
                raise
            return await self._crashed(Fault(error.sentence, error.hint, passing=True), 0.0)
        self.journal.hide(launch.secrets)
        process, from_line = await _started(launch), self.journal.number
        self._metrics = f"{launch.url}{launch.metrics_path}" if launch.url else ""
        self._mark = process.mark
        following = asyncio.create_task(self._follow(process))  # also while it drains: a full pipe would hold it up
        try:
            await self._set(replace(self._status, process=process.id))
            ready_for = await self._live(launch, process)
        except asyncio.CancelledError:
            await self._drain(process, launch)
            raise
        finally:
            await _whole(_cleaned(process, following))
        said = [line for _, line in self.journal.after(from_line)]
        return await self._crashed(words_for(said, process.status), ready_for)

    async def _live(self, launch: Launch, process: Process) -> float:
        """Waits for a process until its end. Returns for how many seconds it was ready."""
        asking = asyncio.create_task(self._ask(launch, process))
        ready_at = None
        try:
            if await asking:
                ready_at = time.monotonic()
                await self._turn("ready", fraction=1.0, sentence="Ready", error=None)
            await process.wait()
            return time.monotonic() - ready_at if ready_at else 0.0
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _crashed(self, fault: Fault, ready_for: float) -> bool:
        waiting = self._backoff.next(ready_for, fault.passing)
        if waiting is None:
            await self._fail(fault)
            return False
        sentence = f"Starts again in {waiting:.0f} s"
        await self._turn("restarting", sentence=sentence, error=fault, again_in=waiting, process=None)
        return True

    async def _follow(self, process: Process) -> None:
        """Keeps its log, and tells how far it is."""
        reader = Reader()
        async for line in process.lines():
            self._note(line)
            if reader.read(line) and self._status.state in ("starting", "loading"):
                await self._load(reader)

    async def _load(self, reader: Reader) -> None:
        if self._status.state == "starting":
            await self._turn("loading", fraction=reader.fraction, sentence=reader.sentence)
        else:
            await self._set(replace(self._status, fraction=reader.fraction, sentence=reader.sentence))

    async def _ask(self, launch: Launch, process: Process) -> bool:
        """Waits until it serves: True then, False if it ended before. Raises LaunchFailed if it falls silent."""
        heard, number = time.monotonic(), self.journal.number
        began = number
        async with httpx.AsyncClient(timeout=ASK_FOR_S, trust_env=False) as client:
            while process.status is None:
                if await self._serves(client, launch, began):
                    return process.status is None
                if self.journal.number != number:
                    heard, number = time.monotonic(), self.journal.number
                if time.monotonic() - heard > launch.patience_s:
                    raise LaunchFailed(
                        f"SGLang has said nothing for {launch.patience_s:.0f} s while it loads.",
                        "The log shows where it stands; a network disk may hang.",
                    )
                await asyncio.sleep(ASK_EVERY_S)
        return False

    async def _serves(self, client: httpx.AsyncClient, launch: Launch, began: int) -> bool:
        if not launch.url:
            return any(JOINED in line for _, line in self.journal.after(began))
        try:
            return (await client.get(f"{launch.url}{launch.ready_path}")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def _drain(self, process: Process, launch: Launch) -> None:
        serves = self._status.state == "ready"  # while it loads it has no requests, and may not hear a signal
        await self._turn("draining", sentence="Finishing its requests" if serves else "Ending")
        await asyncio.shield(process.stop(launch.drain_s if serves else 0.0))
        await self._set(replace(self._status, process=None))

    async def _end_leftovers(self) -> None:
        """Ends what an earlier supervisor, killed before it could, left running."""
        if self._left:
            await end_all(self._left, None)
            self._left = ""

    def _note(self, line: str) -> None:
        kept = self.journal.write(line)
        if self._hears:
            self._hears(kept)

    async def _fail(self, fault: Fault) -> None:
        await self._turn("failed", sentence=fault.sentence, error=fault, process=None)

    async def _turn(self, state: State, **changes: Any) -> None:
        await self._set(self._status.turn(state, **changes))

    async def _set(self, status: Status) -> None:
        async with self._moved:
            self._status = status
            self._version += 1
            self._moved.notify_all()
        self._save()

    def _save(self) -> None:
        """The status as JSON, for who cannot ask; with the mark of the run while there is one."""
        kept = asdict(self._status) | ({"mark": self._mark} if self._status.process else {})
        new = self._folder / f"{STATUS_FILE}.new"
        try:
            new.write_text(json.dumps(kept))
            new.replace(self._folder / STATUS_FILE)
        except OSError as error:  # a full disk: what runs goes on, and is told over the control all the same
            if not self._unsaved:
                log.warning("the status cannot be kept in %s: %s", self._folder, error)
            self._unsaved = True
        else:
            self._unsaved = False


def _alone(folder: Path) -> TextIO:
    """The folder's lock, held as long as the file is open. Raises LaunchFailed while another has it."""
    lock = (folder / LOCK_FILE).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as held:
        lock.close()
        raise LaunchFailed(
            f"Another backend runs with the folder {folder}.",
            "Stop that one, or give this one another --port or --logs.",
        ) from held
    return lock


async def _cleaned(process: Process, following: asyncio.Task[None]) -> None:
    """Nothing of a run is left afterwards, and all that it said has been read."""
    await process.clear()  # who still holds the pipe would keep us reading for ever
    await following


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Does the work to its end, also when we are cancelled meanwhile; then it is as if we were cancelled after it."""
    doing = asyncio.create_task(work)
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await doing
        raise


def _left_behind(status: Path) -> str:
    """The mark of a run that was going on when its supervisor wrote for the last time, "" if there was none."""
    try:
        mark = json.loads(status.read_text()).get("mark")
    except (OSError, ValueError, AttributeError):
        return ""
    return mark if isinstance(mark, str) else ""


async def _started(launch: Launch) -> Process:
    """Starts it; one that is started while we are cancelled is ended again."""
    starting = asyncio.create_task(Process.start(list(launch.argv), launch.environment, launch.folder))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(LaunchFailed):
            await (await starting).stop(0.0)
        raise
