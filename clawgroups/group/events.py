"""Everything that can happen in a group. Events are the ledger's body and never change meaning once released.

Fields that name people or members are member ids; times are ms since 1970 UTC.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from clawgroups.group.agent_events import (
    AgentAwaited,
    AgentCancelled,
    AgentCreated,
    AgentFailed,
    AgentFinished,
    AgentHandedUp,
    AgentHeld,
    AgentPaused,
    AgentRequeued,
    AgentResumed,
    AgentUnheld,
    Briefed,
    CallClosed,
    CallProposed,
    CallReleased,
    CallUncertain,
    CallWaits,
    DriverFailed,
    DriverGranted,
    DriverStopped,
    HandedBack,
    LateWriteKept,
    LeaseLapsed,
    LeaseRenewed,
    PauseAsked,
    Reassigned,
    ResultGiven,
    SeatLost,
    SeatRestored,
    SteerDelivered,
    SteerQueued,
    StepCommitted,
    TakenOver,
    TakeOverAsked,
    TakeOverWithdrawn,
    ToolAllowed,
)
from clawgroups.group.event_base import (
    AgentEvent,
    Event,
    _snake,
)
from clawgroups.group.group_events import (
    GroupCancelled,
    GroupCreated,
    GroupFinished,
    GroupPaused,
    GroupReopened,
    GroupResumed,
    GroupStarted,
    LimitsChanged,
    MemberJoined,
    MemberLeft,
    MessagePosted,
    PolicySet,
    RoleCreated,
    RulesChanged,
)
from clawgroups.group.request_events import (
    Choice,
    RequestAnswered,
    RequestAssigned,
    RequestLetGo,
    RequestOpened,
    RequestWithdrawn,
)

__all__ = [
    "EVENTS",
    "KINDS",
    "AgentAwaited",
    "AgentCancelled",
    "AgentCreated",
    "AgentEvent",
    "AgentFailed",
    "AgentFinished",
    "AgentHandedUp",
    "AgentHeld",
    "AgentPaused",
    "AgentRequeued",
    "AgentResumed",
    "AgentUnheld",
    "Briefed",
    "CallClosed",
    "CallProposed",
    "CallReleased",
    "CallUncertain",
    "CallWaits",
    "Choice",
    "DriverFailed",
    "DriverGranted",
    "DriverStopped",
    "Event",
    "GroupCancelled",
    "GroupCreated",
    "GroupFinished",
    "GroupPaused",
    "GroupReopened",
    "GroupResumed",
    "GroupStarted",
    "HandedBack",
    "LateWriteKept",
    "LeaseLapsed",
    "LeaseRenewed",
    "LimitsChanged",
    "MemberJoined",
    "MemberLeft",
    "MessagePosted",
    "PauseAsked",
    "PolicySet",
    "Reassigned",
    "Recorded",
    "RequestAnswered",
    "RequestAssigned",
    "RequestLetGo",
    "RequestOpened",
    "RequestWithdrawn",
    "ResultGiven",
    "RoleCreated",
    "RulesChanged",
    "SeatLost",
    "SeatRestored",
    "SteerDelivered",
    "SteerQueued",
    "StepCommitted",
    "TakeOverAsked",
    "TakeOverWithdrawn",
    "TakenOver",
    "ToolAllowed",
    "decode",
    "encode",
]


class Recorded(Struct, frozen=True):
    """An event with its place in the ledger. ``epoch`` is the sub-agent's after the event (0: none)."""

    seq: int
    at: int
    actor: str
    agent: str
    epoch: int
    kind: str
    event: Event


EVENTS: dict[str, type[Event]] = {}


def _collect(base: type[Event]) -> None:
    for sub in base.__subclasses__():
        if sub is not AgentEvent:
            EVENTS[_snake(sub.__name__)] = sub
        _collect(sub)


_collect(Event)
KINDS: dict[type[Event], str] = {cls: kind for kind, cls in EVENTS.items()}
_encoder = msgspec.json.Encoder()
_decoders = {kind: msgspec.json.Decoder(cls) for kind, cls in EVENTS.items()}


def encode(event: Event) -> str:
    """An event as JSON text for the ledger's body."""
    return _encoder.encode(event).decode()


def decode(kind: str, body: str) -> Event:
    """The event in a ledger row.

    Raises KeyError for an unknown kind, msgspec.ValidationError for a bad body.
    """
    return _decoders[kind].decode(body)
