"""What can happen to one sub-agent: its wheel, its steps, its calls, its end."""

from __future__ import annotations

from msgspec import Struct

from clawgroups.group.attachments import Attachment
from clawgroups.group.event_base import AgentEvent
from clawgroups.group.members import MemberKind
from clawgroups.group.state import LEASE_MS, CallStatus, Fate, WaitReason
from clawgroups.group.thread import Usage


class AgentCreated(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """A piece of work exists and waits for its launch. A fork shares its origin's thread up to a step."""

    name: str
    title: str
    role: str
    member: str
    task: str
    system_prompt: str = ""
    acceptance: str = ""
    parent: str = ""
    parent_call: str = ""
    conducts: bool = False
    review: bool = False
    conductor_reviews: bool = False
    depends_on: tuple[str, ...] = ()
    forked_from: str = ""
    forked_step: int = 0


class DriverGranted(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """``member`` holds the wheel at ``epoch``. ``why``: launch, resumed after a loss."""

    epoch: int
    member: str
    member_kind: MemberKind
    lease_until: int = 0
    why: str = "launch"


class CallProposed(Struct, frozen=True, omit_defaults=True):
    """A tool call within a step, with what happens to it first."""

    id: str
    name: str
    arguments: str
    status: CallStatus
    safe: bool = False


class StepCommitted(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """One turn by the driver. Its calls may start only after this is in the ledger."""

    epoch: int
    step: int
    by: str
    content: str = ""
    reasoning: str = ""
    calls: tuple[CallProposed, ...] = ()
    usage: Usage = Usage()
    finish: str = "stop"
    final: bool = False


class ResultGiven(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The conductor said by its ``finish`` tool that the task is over, and with what."""

    result: str = ""


class CallReleased(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """A held call may run; ``arguments`` when a person edited them."""

    call: str
    arguments: str = ""


class CallWaits(AgentEvent, frozen=True, kw_only=True):
    """A call of this step waits for a sub-agent or a person's answer."""

    call: str
    status: CallStatus


class CallUncertain(AgentEvent, frozen=True, kw_only=True):
    """The call's process was lost and the tool is not safe to repeat: a person decides."""

    call: str


class CallClosed(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """A call has its result or another honest end. ``snapshot`` is the workspace's tree afterwards."""

    call: str
    fate: Fate
    name: str = ""
    content: str = ""
    by: str = ""
    snapshot: str = ""
    changed: tuple[str, ...] = ()


class SteerQueued(AgentEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Words for the next step boundary. ``post``: the event in the room that they belong to, if any."""

    id: str
    text: str
    by: str
    post: int = 0
    attachments: tuple[Attachment, ...] = ()


class SteerDelivered(AgentEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The queued words are in the thread now."""

    id: str
    text: str
    by: str
    attachments: tuple[Attachment, ...] = ()


class TakeOverAsked(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """A person takes the wheel at the next step boundary, with a lease of ``lease_ms``."""

    by: str
    lease_ms: int = LEASE_MS


class TakeOverWithdrawn(AgentEvent, frozen=True, kw_only=True):
    """The person does not want the wheel any more."""

    by: str


class TakenOver(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """A person has the wheel at ``epoch``; nothing older is accepted from here on."""

    epoch: int
    member: str
    former: str = ""
    lease_until: int = 0


class DriverStopped(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The old driver's stop is proved. ``epoch`` is the one that was stopped."""

    epoch: int
    model_call: str = ""  # aborted | none | gone
    processes_found: int = 0
    processes_left: int = 0
    detail: str = ""
    partial: str = ""
    partial_reasoning: str = ""
    by: str = ""  # who wrote the partial text
    snapshot: str = ""


class HandedBack(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """A person gave the wheel to ``member``. ``record`` is what the agent is told."""

    epoch: int
    member: str
    member_kind: MemberKind
    former: str
    note: str = ""
    record: str = ""


class Reassigned(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The task is another member's now. What it is told comes as ``Briefed``, once the old driver has stopped.

    Events of the first versions hold the whole ``record`` instead of a ``briefing``.
    """

    epoch: int
    member: str
    member_kind: MemberKind
    former: str = ""
    reason: str = ""
    record: str = ""
    briefing: str = ""


class Briefed(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The new driver is told why it drives and what became of the calls in flight. ``by``: who drove before."""

    text: str
    by: str = ""


class SeatLost(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The runner that held ``epoch`` is gone, with everything it ran."""

    epoch: int
    reason: str = ""


class SeatRestored(AgentEvent, frozen=True, kw_only=True):
    """A person's tools run on a new runner; the wheel never changed hands."""

    epoch: int


class LeaseRenewed(AgentEvent, frozen=True, kw_only=True):
    """The person at the wheel is still there."""

    lease_until: int


class LeaseLapsed(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The person at the wheel went away: the wheel goes to a pause, never back by itself.

    ``untold``: whoever drives next has to be told what the person did.
    """

    epoch: int
    member: str
    untold: bool = False


class PauseAsked(AgentEvent, frozen=True, kw_only=True):
    """It pauses at the next step boundary."""

    by: str


class AgentPaused(AgentEvent, frozen=True, kw_only=True):
    """It stands still until somebody resumes it."""

    epoch: int
    by: str


class AgentResumed(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """It is queued again. ``record`` tells what a person did whose lease had run out."""

    by: str
    record: str = ""


class AgentHeld(AgentEvent, frozen=True, kw_only=True):
    """It waits for something that is not a tool call."""

    reason: WaitReason


class AgentUnheld(AgentEvent, frozen=True, kw_only=True):
    """What it waited for has come."""


class DriverFailed(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The driver could not take its turn; its seat is gone."""

    epoch: int
    reason: str
    sentence: str
    hint: str = ""
    partial: str = ""
    by: str = ""


class AgentRequeued(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The same sub-agent tries again, not before ``not_before``."""

    not_before: int = 0


class ToolAllowed(AgentEvent, frozen=True, kw_only=True):
    """A person allowed a tool for this sub-agent from now on."""

    tool: str


class AgentFinished(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The task is done; ``result`` is the one message its parent gets."""

    result: str = ""


class AgentFailed(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """The task ended without a result."""

    reason: str = ""


class AgentCancelled(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """Somebody ended it."""

    epoch: int
    by: str = ""


class AgentHandedUp(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """Its parent ended; the parent's parent has it now (empty: nobody)."""

    parent: str = ""


class AgentAwaited(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """Which call of its parent gets its next message (empty: none does, it comes as words)."""

    call: str = ""


class LateWriteKept(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """A refused write of an old driver, kept aside for people to see."""

    epoch: int
    what: str
    content: str = ""
    by: str = ""
