"""What can happen to a request: opened, answered once, or withdrawn."""

from __future__ import annotations

from msgspec import Struct

from clawgroups.group.event_base import AgentEvent
from clawgroups.group.state import RequestKind


class Choice(Struct, frozen=True, omit_defaults=True):
    """One way to answer. ``needs``: text, arguments, member or amount."""

    id: str
    label: str
    needs: str = ""


class RequestOpened(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """A person is needed."""

    request: str
    request_kind: RequestKind
    title: str
    call: str = ""
    tool: str = ""
    detail: str = ""
    arguments: str = ""
    choices: tuple[Choice, ...] = ()


class RequestAssigned(AgentEvent, frozen=True, kw_only=True):
    """A person has it from now on: they took it, or were given it."""

    request: str
    to: str


class RequestLetGo(AgentEvent, frozen=True, kw_only=True):
    """Nobody has it any more; whoever comes first may answer."""

    request: str


class RequestAnswered(AgentEvent, frozen=True, omit_defaults=True, kw_only=True):
    """A person answered; nobody else can."""

    request: str
    decision: str
    by: str
    text: str = ""
    scope: str = "once"


class RequestWithdrawn(AgentEvent, frozen=True, kw_only=True):
    """Nobody needs to answer any more."""

    request: str
