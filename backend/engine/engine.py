"""The engine: one thread that runs the model step by step, and the asyncio side that asks it for answers.

The two sides meet in few places only: the inbox and the wishes to flush the cache (under ``_wake``), the table of open
channels (under ``_wake``), and the events that the thread hands to the loop, one call a step. While there is nothing to
do the thread sleeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from backend.engine import door
from backend.engine.chooser import Chooser
from backend.engine.grammar import Grammars
from backend.engine.limits import Limits
from backend.engine.pages import CacheDamaged
from backend.engine.request import Event, Finish, Prefilled, Request, Token
from backend.engine.runner import Runner
from backend.engine.scheduler import Happened, Scheduler, Work
from backend.engine.sequence import Sequence
from backend.engine.stats import Observe, Quantity, Speed, Stats, tell
from backend.engine.stream import Channel, Stream
from backend.errors import EngineStopped, QueueFull, RequestRefused

if TYPE_CHECKING:
    from llguidance import LLTokenizer

QUIET = 1.0
"""Seconds without work after which the engine checks its books."""
_log = logging.getLogger(__name__)
_Message = Sequence | RequestRefused | None
"""What the inbox says of a channel: its sequence, why there is none, or that it is cancelled."""
_Sent = tuple[Channel, Event | RequestRefused]
_Seen = tuple[Quantity, float]


class _BrokenDown(Exception):
    """Too many steps failed in a row."""


class Engine:
    """Serves ``runner`` within ``limits``. ``lltokenizer``: for requests with a grammar; ``observe``: for metrics."""

    def __init__(
        self,
        runner: Runner,
        limits: Limits | None = None,
        lltokenizer: LLTokenizer | None = None,
        observe: Observe | None = None,
    ) -> None:
        self._runner = runner
        self._limits = limits or Limits()
        self._grammars = None if lltokenizer is None else Grammars(lltokenizer)
        self._observe = observe
        self._scheduler = Scheduler(runner, self._limits)
        self._wake = threading.Condition()
        self._inbox: deque[tuple[Channel, _Message]] = deque()
        self._channels: dict[str, Channel] = {}
        self._flushes: list[Future[bool]] = []
        self._prompt_tokens = 0
        self._stopping = False
        self._refusing = "The engine has not been started."
        self._failures = 0
        self._speed = Speed()
        self._stats = self._tell_stats(0.0, "")
        self._compiler = ThreadPoolExecutor(1, thread_name_prefix="engine-grammar")
        self._thread = threading.Thread(target=self._live, name="engine", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._empty = asyncio.Event()

    async def start(self) -> None:
        """Begin to serve, on this event loop. Once only."""
        if self._loop is not None:
            raise RuntimeError("an engine is started once; make another")
        self._loop = asyncio.get_running_loop()
        self._refusing = ""
        self._thread.start()

    async def stop(self, drain_seconds: float = 0.0) -> None:
        """Refuse what comes, let what is there end for ``drain_seconds``, abort the rest, and end the thread."""
        if self._loop is None:
            return
        self._refusing = self._refusing or "The engine is stopping."
        if drain_seconds > 0 and self._channels:
            self._empty.clear()
            try:
                await asyncio.wait_for(self._empty.wait(), drain_seconds)
            except TimeoutError:
                _log.warning(
                    "%d requests did not end in %g seconds and are aborted", len(self._channels), drain_seconds
                )
        with self._wake:
            self._stopping = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)
        self._compiler.shutdown(wait=False, cancel_futures=True)

    async def flush(self, wait_seconds: float = 0.0) -> bool:
        """Forget every prefix in the cache; False, and nothing done, if requests run or wait after ``wait_seconds``.

        Raises EngineStopped.
        """
        if wait_seconds > 0 and self._channels:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), wait_seconds)
        done: Future[bool] = Future()
        with self._wake:
            if self._refusing:
                raise EngineStopped(self._refusing)
            self._flushes.append(done)
            self._wake.notify()
        return await asyncio.wrap_future(done)

    def submit(self, request: Request) -> Stream:
        """Ask for an answer. On the loop of ``start``.

        Raises ContextTooLong, QueueFull, EngineStopped, or RequestRefused with what is wrong with the request.
        """
        limit = door.check(request, self._runner, self._limits, self._grammars is not None)
        channel = Channel(request, time.monotonic())
        with self._wake:
            self._open(channel)
        if request.sampling.grammar is None:
            self._post(channel, Sequence(request, limit, Chooser(request.sampling)))
        else:
            made = self._compiler.submit(self._compile, request, limit)
            made.add_done_callback(partial(self._compiled, channel))
        return Stream(channel, self._cancel, self._abandon)

    def stats(self) -> Stats:
        """How it stands. The queue is counted now, the rest after the last step."""
        stats = self._stats
        waiting = max(0, len(self._channels) - stats.running)
        return replace(stats, waiting=waiting, tokens_per_second=stats.tokens_per_second if stats.running else 0.0)

    def _open(self, channel: Channel) -> None:
        """Under the lock: the thread's last act must not miss it."""
        request = channel.request
        if self._refusing:
            raise EngineStopped(self._refusing)
        if request.id in self._channels:
            raise RequestRefused(f"A request with the id {request.id} is running already.", "Give each its own id.")
        waiting = len(self._channels) - self._stats.running
        tokens = self._prompt_tokens + len(request.prompt)
        if waiting >= self._limits.max_queued or (waiting > 0 and tokens > self._limits.max_queued_tokens):
            raise QueueFull(waiting)
        self._channels[request.id] = channel
        self._prompt_tokens = tokens

    def _post(self, channel: Channel, message: _Message) -> None:
        with self._wake:
            self._inbox.append((channel, message))
            self._wake.notify()

    def _cancel(self, channel: Channel) -> None:
        self._post(channel, None)

    def _abandon(self, channel: Channel) -> None:
        """From any thread, in the middle of anything: garbage is collected whenever it pleases."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._cancel, channel)
        except RuntimeError:  # the loop is closed, which the thread notices by itself
            _log.debug("request %s was let go of after its loop had ended", channel.request.id)

    def _compile(self, request: Request, limit: int) -> Sequence:
        """On the compiler's thread."""
        assert self._grammars is not None
        matcher = self._grammars.matcher(request.sampling.grammar or "")
        return Sequence(request, limit, Chooser(request.sampling, matcher))

    def _compiled(self, channel: Channel, made: Future[Sequence]) -> None:
        if made.cancelled():
            return  # the engine has stopped, and told so
        error = made.exception()
        if error is None:
            self._post(channel, made.result())
        elif isinstance(error, RequestRefused):
            self._post(channel, error)
        else:  # the library is not Python, and a fault in it is no Exception
            _log.error("compiling a grammar failed", exc_info=error)
            self._post(channel, RequestRefused(f"The schema or grammar cannot be used: {error}", "Simplify it."))

    def _live(self) -> None:
        """The thread."""
        error = ""
        try:
            with torch.inference_mode():
                while self._wait():
                    self._turn()
        except _BrokenDown as broken:
            error = str(broken)
        except Exception as fault:
            _log.exception("the engine's thread ended")
            error = f"The engine broke down: {_describe(fault)}"
        self._end(error)

    def _wait(self) -> bool:
        """Until there is something to do. False: the end."""
        with self._wake:
            called = self._wake.wait_for(self._called, QUIET)
        if not called:
            self._audit()
            with self._wake:
                self._wake.wait_for(self._called)
        return not self._stopping

    def _called(self) -> bool:
        return bool(self._inbox or self._flushes) or self._stopping or self._scheduler.busy

    def _audit(self) -> None:
        try:
            self._scheduler.audit()
        except CacheDamaged:
            _log.exception("the cache's books do not agree; what it knew is forgotten")
            self._scheduler.start_over()

    def _turn(self) -> None:
        sent = self._take_in()
        if self._scheduler.busy:
            sent += self._step()
        self._send(sent)
        if self._flushes:
            self._flush()
        if self._failures >= self._limits.failures:
            raise _BrokenDown(f"The engine stopped after {self._failures} failed steps in a row; its log says why.")

    def _flush(self) -> None:
        """What is being asked for is not forgotten; nor is anything else then, as SGLang has it."""
        with self._wake:
            wishes, idle = list(self._flushes), not self._channels
        if idle:
            self._scheduler.cache.forget()
            self._stats = self._tell_stats(0.0, "")
        with self._wake:
            del self._flushes[: len(wishes)]
        for wish in wishes:
            if wish.set_running_or_notify_cancel():
                wish.set_result(idle)

    def _take_in(self) -> list[_Sent]:
        sent: list[_Sent] = []
        over: set[Channel] = set()  # its end is on its way: what else came for it meanwhile comes to nothing
        while self._inbox:
            channel, message = self._inbox.popleft()
            if channel.closed or channel in over:
                continue
            if isinstance(message, Sequence):
                channel.sequence = message
                self._scheduler.add(message)
            elif isinstance(message, RequestRefused):
                over.add(channel)
                sent.append((channel, message))
            elif channel.sequence is None:
                over.add(channel)
                self._scheduler.counters.aborted += 1
                sent.append((channel, Finish("abort", 0)))
            else:
                sent += self._of(self._scheduler.cancel(channel.sequence))
        return sent

    def _step(self) -> list[_Sent]:
        work = self._scheduler.schedule()
        if not work:
            raise RuntimeError("the scheduler stands still")
        self._entered(work)
        try:
            happened = self._scheduler.settle(work, self._scheduler.run(work))
        except Exception as fault:
            self._failures += 1
            _log.exception("a step of %d requests failed", len(work))
            return self._of(self._failed([each.sequence for each in work], _describe(fault)))
        self._failures = 0
        return self._of(happened)

    def _failed(self, sequences: list[Sequence], what: str) -> list[Happened]:
        """All of them end, those too that had ended in the step whose events are lost with it."""
        sentence = f"The model failed while it worked on this request: {what}"
        self._scheduler.fail(sequences, sentence)
        return [(sequence, Finish("error", sequence.generated, sentence)) for sequence in sequences]

    def _entered(self, work: list[Work]) -> None:
        now = time.monotonic()
        for each in work:
            channel = self._channels[each.sequence.request.id]
            channel.entered = channel.entered or now

    def _of(self, happened: Iterable[Happened]) -> list[_Sent]:
        return [(self._channels[sequence.request.id], event) for sequence, event in happened]

    def _send(self, sent: list[_Sent], error: str = "") -> None:
        """Hand events to the loop, and tell how it stands. After the last event of a request nothing is kept of it."""
        now = time.monotonic()
        seen = [each for channel, event in sent for each in _measure(channel, event, now)]
        with self._wake:
            for channel, event in sent:
                if isinstance(event, Finish | RequestRefused) and not channel.closed:
                    channel.close()
                    del self._channels[channel.request.id]
                    self._prompt_tokens -= len(channel.request.prompt)
        tokens = sum(isinstance(event, Token) for _, event in sent)
        self._stats = self._tell_stats(self._speed.add(now, tokens), error)
        if sent:
            self._post_to_loop(sent, seen)

    def _post_to_loop(self, sent: list[_Sent], seen: list[_Seen]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._deliver, sent, seen)
        except RuntimeError:  # the loop is closed: nobody can be told anything any more
            self._stopping = True

    def _deliver(self, sent: list[_Sent], seen: list[_Seen]) -> None:
        """On the loop."""
        for channel, event in sent:
            channel.put(event)
        if not self._channels:
            self._empty.set()
        if self._observe is not None:
            for quantity, seconds in seen:
                self._observe(quantity, seconds)

    def _end(self, error: str) -> None:
        """The thread's last act: nobody is left waiting."""
        with self._wake:
            self._refusing = error or self._refusing or "The engine has stopped."
            left = list(self._channels.values())
            wishes, self._flushes = self._flushes, []
        finish: list[_Sent] = []
        for channel in left:
            count = channel.sequence.generated if channel.sequence else 0
            finish.append((channel, Finish("error" if error else "abort", count, error)))
        counters = self._scheduler.counters
        counters.failed += len(left) if error else 0
        counters.aborted += 0 if error else len(left)
        self._scheduler.start_over()
        self._send(finish, error)
        for wish in wishes:
            if wish.set_running_or_notify_cancel():
                wish.set_exception(EngineStopped(self._refusing))

    def _tell_stats(self, speed: float, error: str) -> Stats:
        scheduler = self._scheduler
        return tell(scheduler.cache, scheduler.counters, running=scheduler.running, waiting=0, speed=speed, error=error)


def _measure(channel: Channel, event: Event | RequestRefused, now: float) -> list[_Seen]:
    """What an event tells of its request's times. Called once an event, in their order."""
    if isinstance(event, Prefilled):
        return [("queue_time", (channel.entered or now) - channel.arrived)]
    if isinstance(event, Token):
        before, channel.last_token = channel.last_token, now
        return [("time_to_first_token", now - channel.arrived) if before is None else ("inter_token", now - before)]
    return [("end_to_end", now - channel.arrived)]


def _describe(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}"[:500]
