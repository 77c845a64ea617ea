"""Folds what is on record of one sub-agent into spans on a lane of the timeline. Pure; times are ms since 1970."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from clawgroups.group.members import MemberKind
from clawgroups.group.state import AgentStatus, WaitReason
from clawgroups.ledger.timeline import Turn

CHILD_TOOLS = ("assign_task", "reassign_task")  # such a call is open as long as the sub-agent is at work
OPEN = 0  # the end of a span that has none yet
ENDS = {
    "agent_finished": AgentStatus.DONE,
    "agent_failed": AgentStatus.FAILED,
    "agent_cancelled": AgentStatus.CANCELLED,
}
SHOWN = ("taken_over", "handed_back", "reassigned", "lease_lapsed", "seat_lost")


class State(NamedTuple):
    """A stretch in which the state and the driver stayed the same."""

    begin: int
    end: int
    state: str
    member: str
    kind: str
    reason: str


class Sign(NamedTuple):
    """Something that happened at the wheel in one moment."""

    at: int
    kind: str
    actor: str
    member: str


@dataclass
class Lane:
    """The states of one sub-agent from its creation on, as far as they are told; ``over``: the event of its end."""

    created_at: int
    status: str = AgentStatus.QUEUED.value
    member: str = ""
    kind: str = ""
    reason: str = ""
    seat: int = 0
    epoch: int = 0
    launched_at: int = 0
    over: Turn | None = None
    states: list[State] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    _since: int = 0

    def __post_init__(self) -> None:
        self._since = self.created_at

    def hear(self, turn: Turn) -> None:
        """Takes the next event in."""
        before = (self.status, self.member, self.kind, self.reason)
        self._apply(turn)
        if turn.kind in SHOWN:
            self.signs.append(Sign(turn.at, turn.kind, turn.actor, turn.member))
        if before != (self.status, self.member, self.kind, self.reason):
            self._close(turn.at, *before)

    def done(self) -> Lane:
        """The lane with its last span, which is open unless the sub-agent has ended."""
        if self.over is None:
            self.states.append(State(self._since, OPEN, self.status, self.member, self.kind, self.reason))
        return self

    def _close(self, at: int, state: str, member: str, kind: str, reason: str) -> None:
        if at > self._since:
            self.states.append(State(self._since, at, state, member, kind, reason))
        self._since = at

    def _apply(self, turn: Turn) -> None:
        match turn.kind:
            case "driver_granted" | "handed_back":
                self._drives(turn)
                self.seat = turn.epoch
                self.launched_at = self.launched_at or turn.at
            case "taken_over" | "reassigned":
                self._changes_hands(turn)
            case "driver_stopped" | "seat_lost":
                self._stopped(turn)
            case "seat_restored":
                self.seat = turn.epoch
            case "agent_paused" | "lease_lapsed":
                self.status, self.member, self.kind, self.reason = AgentStatus.PAUSED.value, "", "", ""
            case "agent_resumed":
                if self.status == AgentStatus.PAUSED.value:
                    self.status = AgentStatus.QUEUED.value
            case "agent_held" if self.status != AgentStatus.HANDING_OVER.value:
                self.status, self.reason = AgentStatus.WAITING.value, turn.reason or WaitReason.ANSWER.value
            case "agent_unheld" if self.status == AgentStatus.WAITING.value:
                self.status, self.reason = AgentStatus.DRIVING.value, ""
            case "agent_requeued":
                self.status, self.member, self.kind, self.reason = AgentStatus.QUEUED.value, "", "", ""
            case kind if kind in ENDS:
                self.over, self.status, self.member, self.kind, self.reason = turn, ENDS[kind].value, "", "", ""

    def _drives(self, turn: Turn) -> None:
        self.status, self.member, self.kind, self.reason = (
            AgentStatus.DRIVING.value,
            turn.member,
            turn.member_kind or MemberKind.PERSON.value,  # a take-over does not say it: only people take over
            "",
        )
        self.epoch = turn.epoch

    def _changes_hands(self, turn: Turn) -> None:
        waits_for_launch = self.status == AgentStatus.QUEUED.value and turn.kind == "reassigned"
        if waits_for_launch and not self.seat:
            self.epoch = turn.epoch
            return
        self._drives(turn)
        self.launched_at = self.launched_at or turn.at
        if self.seat:
            self.status = AgentStatus.HANDING_OVER.value
        else:
            self.seat = turn.epoch

    def _stopped(self, turn: Turn) -> None:
        if turn.epoch != self.seat:
            return
        if self.status == AgentStatus.HANDING_OVER.value:
            self.status, self.seat = AgentStatus.DRIVING.value, self.epoch
        else:
            self.seat = 0


class Step(Protocol):
    """A row of the table of steps."""

    step: int
    seq: int
    at: int
    by_member: str


class Done(NamedTuple):
    """One step, or so many steps whose bounds alone are known, the last of which is ``step``, event ``seq``."""

    begin: int
    end: int
    step: int
    number: int
    member: str
    seq: int


def steps_of(rows: Sequence[Step], idle_until: Iterable[int], free: dict[int, int]) -> list[Done]:
    """The spans of steps.

    ``idle_until``: moments at which the lane began to go on, in order; ``free``: by step, when its last call was over.
    The first row only says where the second begins, unless it is the very first step.
    """
    starts = sorted(idle_until)
    found: list[Done] = []
    last, last_step, place, began = 0, 0, 0, 0
    for row in rows:
        while place < len(starts) and starts[place] < row.at:
            began, place = starts[place], place + 1
        begin = max(began, last, free.get(last_step, 0)) if last or began else row.at
        number = max(1, row.step - last_step if last else 1)
        found.append(Done(min(begin, row.at), row.at, row.step, number, row.by_member, row.seq))
        last, last_step = row.at, row.step
    return found


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping spans as one; an open one (its end is 0) swallows everything after it."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if not found or (found[-1][1] != OPEN and begin > found[-1][1]):
            found.append((begin, end))
        elif found[-1][1] != OPEN:
            longer = OPEN if end == OPEN else max(end, found[-1][1])
            found[-1] = (found[-1][0], longer)
    return found
