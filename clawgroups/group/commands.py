"""Everything that can be asked of a group. A command is judged by ``decide`` against the present state.

People send the wheel, request and group commands; runners send the ``Record``/``Report`` ones;
the dispatcher itself sends ``Launch``, ``LoseSeat``, ``LapseLease`` and ``KeepLateWrite``.
"""

from __future__ import annotations

from msgspec import Struct

from clawgroups.group.attachments import Attachment
from clawgroups.group.members import Member
from clawgroups.group.state import LEASE_MS, Fate, Limits
from clawgroups.group.thread import Usage
from clawgroups.group.tools import Policy


class Command(Struct, frozen=True):
    """Base of all commands."""


class AgentCommand(Command, frozen=True, kw_only=True):
    """Base of what is asked about one sub-agent."""

    agent: str


class CreateGroup(Command, frozen=True, kw_only=True):
    """Makes the group and its conductor's sub-agent."""

    group: str
    name: str
    goal: str
    conductor: str
    members: tuple[Member, ...]
    task: str = ""  # what the conductor is told; the goal when empty
    system_prompt: str = ""
    worker: str = ""
    rules: str = ""
    template: str = ""
    folder: str = ""
    folder_mode: str = "none"
    limits: Limits = Limits()
    policies: dict[str, Policy] = {}


class StartGroup(Command, frozen=True):
    """Lets the conductor be launched."""


class PauseGroup(Command, frozen=True):
    """Stops everybody at the next step boundary."""


class ResumeGroup(Command, frozen=True):
    """Goes on after a pause."""


class CancelGroup(Command, frozen=True):
    """Ends every sub-agent."""


class AddMember(Command, frozen=True):
    """Brings a member in, or changes its profile."""

    member: Member


class RemoveMember(Command, frozen=True):
    """Takes a member off the list; refused while it drives."""

    member: str


class SetPolicy(Command, frozen=True):
    """Sets a tool's policy for the whole group."""

    tool: str
    policy: Policy


class ChangeLimits(Command, frozen=True):
    """Moves limits; lets those go on who waited for it."""

    limits: Limits


class ChangeRules(Command, frozen=True):
    """Replaces the standing rules. Who conducts hears of it at once; with ``tell_all`` everybody who is under way."""

    rules: str
    tell_all: bool = True
    was: str | None = None  # those that the person has seen: refused where they have changed since


class PostMessage(Command, frozen=True):
    """A person's words in the room. ``to``: sub-agents that shall read them; empty: the conductor."""

    text: str
    to: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class CreateAgent(Command, frozen=True, kw_only=True):
    """A person makes a piece of work by hand."""

    name: str
    task: str
    member: str
    system_prompt: str = ""
    parent: str = ""


class Launch(AgentCommand, frozen=True, kw_only=True):
    """Grants the wheel to the sub-agent's own member."""


class ProposedCall(Struct, frozen=True, omit_defaults=True):
    """A call of a step, with what the dispatcher knows of the tool. ``known`` False: there is none such."""

    id: str
    name: str
    arguments: str
    safe: bool = False
    policy: Policy = Policy.ALLOW
    known: bool = True
    off: str = ""


class RecordStep(AgentCommand, frozen=True, kw_only=True):
    """One turn. ``step`` is the number the driver believes this step has; None from a person."""

    epoch: int
    step: int | None = None
    content: str = ""
    reasoning: str = ""
    calls: tuple[ProposedCall, ...] = ()
    usage: Usage = Usage()
    finish: str = "stop"
    final: bool = True  # a turn without calls ends the task, unless a person says it does not


class RecordResult(AgentCommand, frozen=True, kw_only=True):
    """A tool call's result from the runner."""

    epoch: int
    call: str
    ok: bool
    content: str
    snapshot: str = ""
    changed: tuple[str, ...] = ()


class CallEnd(Struct, frozen=True, omit_defaults=True):
    """How a call in flight ended when its driver was stopped."""

    call: str
    fate: Fate
    content: str = ""


class ReportStopped(AgentCommand, frozen=True, kw_only=True):
    """The runner proves that the driver of ``epoch`` stands still."""

    epoch: int
    model_call: str = "none"
    processes_found: int = 0
    processes_left: int = 0
    detail: str = ""
    partial: str = ""
    partial_reasoning: str = ""
    ends: tuple[CallEnd, ...] = ()
    snapshot: str = ""


class ReportFailure(AgentCommand, frozen=True, kw_only=True):
    """The driver could not take its turn and its seat is gone."""

    epoch: int
    reason: str
    sentence: str
    hint: str = ""
    partial: str = ""
    retry_after: float | None = None  # seconds


class LoseSeat(AgentCommand, frozen=True, kw_only=True):
    """The runner that held this sub-agent's seat of ``epoch`` is gone, proved; 0 means whatever seat there is."""

    reason: str
    epoch: int = 0


class TakeOver(AgentCommand, frozen=True, kw_only=True):
    """A person wants the wheel, now or after this step."""

    after_step: bool = False
    lease_ms: int = LEASE_MS


class WithdrawTakeOver(AgentCommand, frozen=True, kw_only=True):
    """Takes back a take-over asked for after this step. ``by_admin``: see HandBack."""

    by_admin: bool | None = None


class RenewLease(AgentCommand, frozen=True, kw_only=True):
    """The person at the wheel is still there."""

    epoch: int
    lease_ms: int = LEASE_MS


class LapseLease(AgentCommand, frozen=True, kw_only=True):
    """The lease has run out; refused when it has not."""


class HandBack(AgentCommand, frozen=True, kw_only=True):
    """The person gives the wheel back. ``record`` is what the agent is told; empty ``to``: the former driver.

    ``one_step``: for one step only; they have the wheel again, for ``lease_ms``, as soon as that is over.
    ``by_admin``: whether the actor may do it for another (None: only the local admin may). The dispatcher says so.
    """

    epoch: int | None = None
    to: str = ""
    note: str = ""
    record: str = ""
    by_admin: bool | None = None
    one_step: bool = False
    lease_ms: int = LEASE_MS


class Reassign(AgentCommand, frozen=True, kw_only=True):
    """Gives the task to another member. ``record``: what people did at the wheel, for the new driver to read."""

    to: str
    reason: str = ""
    record: str = ""


class SteerAgent(AgentCommand, frozen=True, kw_only=True):
    """Words for the next step boundary."""

    text: str


class PauseAgent(AgentCommand, frozen=True, kw_only=True):
    """Stops it at the next step boundary."""


class ResumeAgent(AgentCommand, frozen=True, kw_only=True):
    """Queues it again. ``record``: what a person did whose lease had run out, as of ``epoch``."""

    epoch: int | None = None
    record: str = ""


class CancelAgent(AgentCommand, frozen=True, kw_only=True):
    """Ends it, and its children too or hands them to its parent."""

    hand_up: bool = False


class ForkAgent(AgentCommand, frozen=True, kw_only=True):
    """A new sub-agent that shares the thread up to ``step``. ``instead``: it takes its origin's place, which ends."""

    step: int
    member: str = ""
    instead: bool = False


class AnswerRequest(Command, frozen=True, kw_only=True):
    """A person's answer to what waits for one.

    ``epoch``, ``record`` and ``lease_ms`` are for a sub-agent that lost its person (see ``rules_lease``): what who goes
    on with it is told, and for how long who answers may have the wheel. The dispatcher says so.
    """

    request: str
    decision: str
    text: str = ""
    arguments: str = ""
    scope: str = "once"
    member: str = ""
    amount: float = 0.0
    epoch: int | None = None
    record: str = ""
    lease_ms: int = LEASE_MS


class AssignRequest(Command, frozen=True, kw_only=True):
    """Gives what waits for a person to one of them; to oneself: claims it; to nobody (empty): lets it go.

    ``was``: only if that person has it now (empty: nobody), so that of two who open it at once one alone gets it.
    """

    request: str
    to: str = ""
    was: str | None = None


class KeepLateWrite(AgentCommand, frozen=True, kw_only=True):
    """Keeps a refused write aside for people to see."""

    epoch: int
    what: str
    content: str
    by: str
