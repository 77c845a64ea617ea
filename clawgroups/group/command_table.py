"""What can be asked of a sub-agent in which situation, and where that leads: the table for people.

The rules decide; this table is what they are held to. A test builds every situation by real commands, tries every row
in it, and compares; ``docs/states.md`` is made from it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from clawgroups.group.state import Agent, AgentStatus, WaitReason


class Situation(StrEnum):
    """A sub-agent's state, told apart by what it waits for and whether a person drives."""

    QUEUED = "queued"
    DRIVING = "driving"
    BY_PERSON = "driving, a person"
    HANDING_OVER = "handing over"
    APPROVAL = "waiting for approval"
    ANSWER = "waiting for an answer"
    REVIEW = "waiting for review"
    CHILDREN = "waiting for children"
    BUDGET = "waiting for budget"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


S = Situation
WAITS = {
    WaitReason.APPROVAL: S.APPROVAL,
    WaitReason.ANSWER: S.ANSWER,
    WaitReason.REVIEW: S.REVIEW,
    WaitReason.CHILDREN: S.CHILDREN,
    WaitReason.BUDGET: S.BUDGET,
}
WAITING = tuple(WAITS.values())
OVER = (S.DONE, S.FAILED, S.CANCELLED)


def situation_of(agent: Agent) -> Situation:
    """The situation that a sub-agent is in."""
    match agent.status:
        case AgentStatus.WAITING:
            return WAITS[agent.wait]
        case AgentStatus.DRIVING:
            return S.BY_PERSON if agent.driven_by_person else S.DRIVING
        case AgentStatus.HANDING_OVER:
            return S.HANDING_OVER
        case status:
            return Situation(status.value)


class Refusal(NamedTuple):
    """The rule that says no."""

    rule: str


class Row(NamedTuple):
    """A command, who sends it, and what comes of it in every situation."""

    name: str
    by: str
    outcomes: dict[Situation, Situation | Refusal]


def _row(
    name: str,
    by: str,
    otherwise: str,
    *,
    to: dict[Situation, Situation] | None = None,
    stays: tuple[Situation, ...] = (),
    refused: dict[str, tuple[Situation, ...]] | None = None,
) -> Row:
    """Every situation is refused by the rule ``otherwise`` unless said differently."""
    outcomes: dict[Situation, Situation | Refusal] = {situation: Refusal(otherwise) for situation in Situation}
    outcomes |= {situation: Refusal(rule) for rule, those in (refused or {}).items() for situation in those}
    outcomes |= {situation: situation for situation in stays}
    outcomes |= to or {}
    return Row(name, by, outcomes)


def _all(*situations: Situation, target: Situation) -> dict[Situation, Situation]:
    return dict.fromkeys(situations, target)


LIVE = tuple(situation for situation in Situation if situation not in OVER)
_ASKABLE = (S.DRIVING, S.APPROVAL, S.ANSWER, S.CHILDREN)
_SEATED = (S.DRIVING, *WAITING)
_ONE: dict[str, tuple[Situation, ...]] = {"one_driver": (S.BY_PERSON, S.HANDING_OVER)}
_ASKED = (S.APPROVAL, S.ANSWER, S.REVIEW, S.BUDGET)
_OPEN_STEP = (S.APPROVAL, S.ANSWER, S.CHILDREN)

ROWS: tuple[Row, ...] = (
    _row(
        "take over, now",
        "another person",
        "take_over",
        to=_all(*_SEATED, target=S.HANDING_OVER) | _all(S.QUEUED, S.PAUSED, target=S.BY_PERSON),
        refused=_ONE,
    ),
    _row(
        "take over, after this step",
        "another person",
        "take_over",
        stays=_ASKABLE,
        to=_all(S.REVIEW, S.BUDGET, target=S.HANDING_OVER),
        refused=_ONE,
    ),
    _row("withdraw the take-over asked for", "who asked", "withdraw", stays=_ASKABLE),
    _row("hand back", "who drives", "hand_back", to={S.BY_PERSON: S.DRIVING}),
    _row("hand back for one step", "who drives", "hand_back", to={S.BY_PERSON: S.DRIVING}),
    _row(
        "reassign to another program or model",
        "a person",
        "reassign",
        stays=(S.QUEUED, S.HANDING_OVER),
        to=_all(*_SEATED, S.BY_PERSON, target=S.HANDING_OVER) | {S.PAUSED: S.DRIVING},
    ),
    _row("steer", "a person", "steer", stays=LIVE),
    _row(
        "pause",
        "a person",
        "pause",
        stays=_ASKABLE,
        to=_all(S.QUEUED, S.BUDGET, target=S.PAUSED),
    ),
    _row("resume, or take back a pause asked for", "a person", "resume", stays=_ASKABLE, to={S.PAUSED: S.QUEUED}),
    _row("cancel", "a person", "cancel", to=_all(*LIVE, target=S.CANCELLED)),
    _row("fork from a step", "a person", "fork", stays=tuple(Situation)),
    _row("rewind to a step, but for the root", "a person", "rewind", to=_all(*LIVE, target=S.CANCELLED)),
    _row("approve, edit or deny a call", "a person", "answered_once", to={S.APPROVAL: S.DRIVING}),
    _row("claim a request, assign it, or let it go", "a person", "answered_once", stays=_ASKED),
    _row("answer what another person has", "a person", "answered_once", refused={"assigned": _ASKED}),
    _row("answer a question", "a person", "answered_once", to={S.ANSWER: S.DRIVING}),
    _row("accept the work", "a person", "answered_once", to={S.REVIEW: S.DONE}),
    _row("reject the work, with reasons", "a person", "answered_once", to={S.REVIEW: S.DRIVING}),
    _row("accept it by the tool review", "its conductor", "review", to={S.REVIEW: S.DONE}),
    _row("reject it by the tool review, with reasons", "its conductor", "review", to={S.REVIEW: S.DRIVING}),
    _row("raise the limit", "a person", "answered_once", to={S.BUDGET: S.DRIVING}),
    _row("launch", "the dispatcher", "launch", to={S.QUEUED: S.DRIVING}),
    _row(
        "write a step",
        "the driver",
        "alone",
        stays=(S.DRIVING, S.BY_PERSON),
        refused={"one_step": _OPEN_STEP, "held": (S.REVIEW, S.BUDGET)},
    ),
    _row("write with an older epoch", "a former driver", "alone"),
    _row(
        "report that it cannot go on",
        "the runner",
        "alone",
        stays=(S.REVIEW, S.BUDGET),
        to=_all(S.DRIVING, S.BY_PERSON, S.ANSWER, S.CHILDREN, S.APPROVAL, target=S.ANSWER),
    ),
    _row("prove that the old driver has stopped", "the runner", "stop", to={S.HANDING_OVER: S.BY_PERSON}),
    _row(
        "lose its runner",
        "the dispatcher",
        "lose",
        stays=tuple(s for s in Situation if s is not S.HANDING_OVER),
        to={S.HANDING_OVER: S.BY_PERSON},
    ),
    _row("renew the lease", "who drives", "lease", stays=(S.BY_PERSON, S.HANDING_OVER)),
    _row("let the lease run out", "the dispatcher", "lease", to=_all(S.BY_PERSON, S.HANDING_OVER, target=S.PAUSED)),
)
