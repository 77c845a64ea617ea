"""The desk: every command of every group passes here, and one transaction commits all that is waiting.

While one batch is being written, the next one is decided: each command against the state that is committed, plus what
the batch under way and its own batch have decided before it. So the fence of a take-over is judged in the order of the
commits, never earlier, and it waits for no more than the batch under way. Nothing is answered, and no refusal either,
before everything that it was judged against is committed; a batch that cannot be committed leaves no trace, and what
was decided on top of it is decided anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from clawgroups.errors import ClawError, LedgerStopped, NotFound
from clawgroups.group.commands import Command, CreateGroup
from clawgroups.group.decide import decide
from clawgroups.group.draft import Decision
from clawgroups.group.events import Recorded
from clawgroups.group.state import Group
from clawgroups.ids import now_ms
from clawgroups.ledger.faults import BadRow
from clawgroups.ledger.writer import GroupCommit, Writer

log = logging.getLogger("clawgroups.desk")
BATCH = 128  # commands; while one batch is written the next one is decided, so two small ones beat a large one

OnCommitted = Callable[[Group, Decision], None]
"""Called in commit order with the state before and the decision; must not block or raise."""


@dataclass(slots=True)
class _Waiting:
    group: str
    command: Command
    actor: str
    done: asyncio.Future[Decision]
    decision: Decision | None = None
    error: Exception | None = None


@dataclass(slots=True)
class _Batch:
    items: list[_Waiting] = field(default_factory=list)
    states: dict[str, Group] = field(default_factory=dict)


class Desk:
    """Holds the committed state of all open groups and is the only one that changes it."""

    def __init__(
        self,
        writer: Writer,
        on_committed: OnCommitted,
        clock: Callable[[], int] = now_ms,
        on_stopped: Callable[[], None] = lambda: None,
    ) -> None:
        self.groups: dict[str, Group] = {}
        self._writer = writer
        self._on_committed = on_committed
        self._clock = clock
        self._on_stopped = on_stopped  # the ledger writes no more
        self._urgent: deque[_Waiting] = deque()
        self._normal: deque[_Waiting] = deque()
        self._under_way = _Batch()
        self._next = _Batch()
        self._writing = False
        self._wake = asyncio.Event()
        self._closing = False
        self._told = False

    def post(self, group: str, command: Command, actor: str, *, urgent: bool = False) -> asyncio.Future[Decision]:
        """Queues a command. The future holds the decision once it is in the ledger, or the refusal."""
        done: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        if self._closing:
            done.set_exception(LedgerStopped("The server is shutting down."))
            return done
        lane = self._urgent if urgent else self._normal
        lane.append(_Waiting(group, command, actor, done))
        if self._writing:
            self._decide_ahead()
        self._wake.set()
        return done

    async def run(self) -> None:
        """Commits what is waiting, batch after batch, until closed."""
        try:
            while not (self._closing and self._idle):
                await self._wake.wait()
                self._wake.clear()
                while not self._idle:
                    await self._work_off()
        finally:
            self._answer_the_rest()

    @property
    def _idle(self) -> bool:
        return not (self._urgent or self._normal or self._next.items)

    def close(self) -> None:
        """Lets ``run`` end once everything that waits is committed."""
        self._closing = True
        self._wake.set()

    def _answer_the_rest(self) -> None:
        """Nobody will decide any more; whoever still waits must hear it."""
        self._closing = True
        ended = LedgerStopped("The server has ended; whether this was still written is not known.")
        for item in (*self._under_way.items, *self._next.items, *self._urgent, *self._normal):
            _answer_error(item, ended)

    def _decide_ahead(self) -> None:
        """Moves what waits into the next batch as far as it has room; urgent commands always find some."""
        while self._urgent:
            self._decide(self._urgent.popleft(), self._next)
        while self._normal and len(self._next.items) < BATCH:
            self._decide(self._normal.popleft(), self._next)

    def _decide(self, item: _Waiting, batch: _Batch) -> None:
        batch.items.append(item)
        item.decision = item.error = None
        before = batch.states.get(item.group) or self._under_way.states.get(item.group) or self.groups.get(item.group)
        try:
            if before is None and not isinstance(item.command, CreateGroup):
                raise NotFound(f"There is no open group {item.group}.")
            before = before or Group(id=item.group)
            item.decision = decide(before, item.command, actor=item.actor, at=self._clock())
        except ClawError as error:
            item.error = error
        except Exception as error:
            log.exception("a rule broke", extra={"action": "rule_broke"})
            item.error = ClawError(f"A rule broke on {type(item.command).__name__}: {error}")
        else:
            batch.states[item.group] = item.decision.group

    async def _work_off(self) -> None:
        """Commits batch after batch. The next one is on its way to the ledger before the last one is settled."""
        self._decide_ahead()
        batch, writing = self._start()
        self._decide_ahead()
        while (error := await self._outcome(writing)) is None:
            done, self._under_way, self._writing = batch, _Batch(), False
            before = {group: self.groups.get(group) for group in done.states}
            self.groups.update(done.states)  # what is decided from now on stands on all of it
            if not self._next.items:
                self._settle(done, before)
                return
            batch, writing = self._start()
            self._settle(done, before)
            self._decide_ahead()
        self._under_way, self._writing = _Batch(), False
        ahead = self._take_next().items
        if isinstance(error, BadRow) and len(batch.items) > 1:
            await self._commit_one_by_one(batch.items)
        else:
            self._fail(batch, error)
        for item in ahead:  # what they were judged against has not come to be
            self._decide(item, self._next)

    def _take_next(self) -> _Batch:
        batch, self._next = self._next, _Batch()
        return batch

    def _start(self) -> tuple[_Batch, Awaitable[None] | None]:
        """The next batch is under way: what comes meanwhile is decided on top of it."""
        self._under_way, self._writing = self._take_next(), True
        return self._under_way, self._begin(self._under_way)

    def _begin(self, batch: _Batch) -> Awaitable[None] | None:
        """The batch on its way to the ledger; None when there is nothing in it to write."""
        commits: dict[str, list[Recorded]] = {}
        for item in batch.items:
            if item.decision is not None and item.decision.events:
                commits.setdefault(item.group, []).extend(item.decision.events)
        if not commits:
            return None
        return self._writer.begin([GroupCommit(batch.states[group], events) for group, events in commits.items()])

    async def _outcome(self, writing: Awaitable[None] | None) -> ClawError | None:
        """Why nothing of the batch was written, or None when all of it was."""
        try:
            if writing is not None:
                await writing
        except ClawError as error:
            self._look_at_the_writer()
            return error
        except Exception as error:
            log.exception("a batch could not be committed", extra={"action": "commit_failed"})
            return LedgerStopped(f"The ledger refused a batch: {error}")
        return None

    def _look_at_the_writer(self) -> None:
        if self._writer.stopped and not self._told:
            self._told = True
            asyncio.get_running_loop().call_soon(self._on_stopped)

    async def _commit_one_by_one(self, items: list[_Waiting]) -> None:
        """One bad row must not poison the others: each command is decided and committed again, alone."""
        for item in items:
            alone = _Batch()
            self._decide(item, alone)
            error = await self._outcome(self._begin(alone))
            if error is None:
                before = {group: self.groups.get(group) for group in alone.states}
                self.groups.update(alone.states)
                self._settle(alone, before)
            else:
                self._fail(alone, error)

    def _settle(self, batch: _Batch, before: dict[str, Group | None]) -> None:
        """Answers everybody. ``before``: each group as it was before the batch; ``groups`` is ahead of that."""
        for item in batch.items:
            if item.decision is None:
                _answer_error(item, item.error)
                continue
            was, before[item.group] = before.get(item.group), item.decision.group
            try:
                self._on_committed(was or Group(id=item.group), item.decision)
            except Exception:  # the commit stands and everybody else must be answered
                log.exception("what follows a commit broke", extra={"action": "effects_broke"})
            if not item.done.done():
                item.done.set_result(item.decision)

    def _fail(self, batch: _Batch, error: ClawError) -> None:
        for item in batch.items:
            _answer_error(item, error if item.decision is not None else item.error)


def _answer_error(item: _Waiting, error: Exception | None) -> None:
    if not item.done.done():
        item.done.set_exception(error or ClawError("The command was not decided."))
