"""The desk: every command of every group passes here, and one transaction commits all that is waiting.

A command is decided against the state that is committed plus what the same batch decided before it. So the
fence of a take-over is judged at commit, never earlier; an urgent command goes first in the next batch; and a
batch that cannot be committed leaves no trace: the states before it are simply kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
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
BATCH = 512

OnCommitted = Callable[[Group, Decision], None]
"""Called in commit order with the state before and the decision; must not block or raise."""


@dataclass(slots=True)
class _Waiting:
    group: str
    command: Command
    actor: str
    done: asyncio.Future[Decision]
    decision: Decision | None = None


@dataclass(slots=True)
class _Batch:
    items: list[_Waiting]
    states: dict[str, Group] = field(default_factory=dict)


class Desk:
    """Holds the committed state of all open groups and is the only one that changes it."""

    def __init__(self, writer: Writer, on_committed: OnCommitted, clock: Callable[[], int] = now_ms) -> None:
        self.groups: dict[str, Group] = {}
        self._writer = writer
        self._on_committed = on_committed
        self._clock = clock
        self._urgent: deque[_Waiting] = deque()
        self._normal: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False

    def post(self, group: str, command: Command, actor: str, *, urgent: bool = False) -> asyncio.Future[Decision]:
        """Queues a command. The future holds the decision once it is in the ledger, or the refusal."""
        done: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        if self._closing:
            done.set_exception(LedgerStopped("The server is shutting down."))
            return done
        lane = self._urgent if urgent else self._normal
        lane.append(_Waiting(group, command, actor, done))
        self._wake.set()
        return done

    async def run(self) -> None:
        """Commits what is waiting, batch after batch, until closed."""
        while not (self._closing and not self._urgent and not self._normal):
            await self._wake.wait()
            self._wake.clear()
            while self._urgent or self._normal:
                await self._commit(self._next_batch())

    def close(self) -> None:
        """Lets ``run`` end once everything that waits is committed."""
        self._closing = True
        self._wake.set()

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        for lane in (self._urgent, self._normal):
            while lane and len(batch) < BATCH:
                batch.append(lane.popleft())
        return batch

    async def _commit(self, items: list[_Waiting]) -> None:
        batch = _Batch(items)
        for item in items:
            self._decide(batch, item)
        try:
            await self._write(batch)
        except BadRow as error:
            await self._commit_one_by_one(batch, error)
            return
        except ClawError as error:
            self._fail(batch, error)
            return
        except Exception as error:
            log.exception("a batch could not be committed", extra={"action": "commit_failed"})
            self._fail(batch, LedgerStopped(f"The ledger refused a batch: {error}"))
            return
        self._settle(batch)

    def _decide(self, batch: _Batch, item: _Waiting) -> None:
        before = batch.states.get(item.group) or self.groups.get(item.group)
        if before is None:
            if not isinstance(item.command, CreateGroup):
                _answer_error(item, NotFound(f"There is no open group {item.group}."))
                return
            before = Group(id=item.group)
        try:
            item.decision = decide(before, item.command, actor=item.actor, at=self._clock())
        except ClawError as error:
            _answer_error(item, error)
        except Exception as error:
            log.exception("a rule broke", extra={"action": "rule_broke"})
            _answer_error(item, ClawError(f"A rule broke on {type(item.command).__name__}: {error}"))
        else:
            batch.states[item.group] = item.decision.group

    async def _write(self, batch: _Batch) -> None:
        commits: dict[str, list[Recorded]] = {}
        for item in batch.items:
            if item.decision is not None and item.decision.events:
                commits.setdefault(item.group, []).extend(item.decision.events)
        if commits:
            await self._writer.commit([GroupCommit(batch.states[group], made) for group, made in commits.items()])

    async def _commit_one_by_one(self, batch: _Batch, error: BadRow) -> None:
        """One bad row must not poison the others: each command is decided and committed again, alone."""
        if len(batch.items) == 1:
            self._fail(batch, error)
            return
        for item in batch.items:
            if not item.done.done():
                item.decision = None
                await self._commit([item])

    def _settle(self, batch: _Batch) -> None:
        for item in batch.items:
            if item.decision is None:
                continue
            before = self.groups.get(item.group) or Group(id=item.group)
            self.groups[item.group] = item.decision.group
            self._on_committed(before, item.decision)
            if not item.done.done():
                item.done.set_result(item.decision)

    def _fail(self, batch: _Batch, error: ClawError) -> None:
        for item in batch.items:
            if item.decision is not None:
                _answer_error(item, error)


def _answer_error(item: _Waiting, error: Exception) -> None:
    if not item.done.done():
        item.done.set_exception(error)
