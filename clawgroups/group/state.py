"""The present state of a group, as small as it can be: summaries only, never transcripts."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from clawgroups.group.attachments import Attachment
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.numbers import keep_floats
from clawgroups.group.tools import Policy

LEASE_MS = 120_000  # a person who gives no sign of life for so long loses the wheel, unless settings say else


class GroupStatus(StrEnum):
    """Where a group is in its life."""

    DRAFT = "draft"  # created, nothing launched
    RUNNING = "running"
    PAUSED = "paused"  # nothing new is launched; everybody stops at the next step boundary
    FINISHED = "finished"  # every sub-agent has ended by itself
    CANCELLED = "cancelled"  # a person ended it


class AgentStatus(StrEnum):
    """Where a sub-agent is in its life. Who drives it is a separate fact."""

    QUEUED = "queued"  # waits for its launch
    DRIVING = "driving"  # its driver may write the next step
    HANDING_OVER = "handing_over"  # the new driver is fixed, the old one's stop is not yet proved
    WAITING = "waiting"  # see WaitReason
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({AgentStatus.DONE, AgentStatus.FAILED, AgentStatus.CANCELLED})


class WaitReason(StrEnum):
    """What a waiting sub-agent waits for."""

    NONE = ""
    APPROVAL = "approval"
    ANSWER = "answer"
    REVIEW = "review"
    CHILDREN = "children"
    BUDGET = "budget"


class CallStatus(StrEnum):
    """What an open tool call waits for. A closed call is no longer in the state."""

    ASKING = "asking"  # a person must allow it; not started
    RELEASED = "released"  # on record and allowed; the runner may have started it
    CHILD = "child"  # a sub-agent works on it
    ANSWER = "answer"  # a person is asked
    UNKNOWN = "unknown"  # was released when its process was lost, not safe to repeat; a person decides


class Fate(StrEnum):
    """How a tool call ended."""

    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    NOT_STARTED = "not_started"
    UNKNOWN = "unknown"


class RequestKind(StrEnum):
    """Why a person is needed."""

    APPROVAL = "approval"
    QUESTION = "question"
    REVIEW = "review"
    STALL = "stall"
    BUDGET = "budget"
    UNKNOWN_FATE = "unknown_fate"
    TASK = "task"  # a person was given the wheel and has not come yet


class Call(Struct, frozen=True, omit_defaults=True):
    """An open tool call of the current step."""

    id: str
    name: str
    status: CallStatus
    safe: bool = False
    arguments: str = ""  # a person's edit, or a group tool's that waits for leave; else the step's own text holds
    mark: str = ""  # the same for the same tool with the same arguments


class Streak(Struct, frozen=True, omit_defaults=True):
    """How often in a row the same call has failed, at most once a step; anything that works ends the streak."""

    mark: str = ""
    tool: str = ""
    times: int = 0
    step: int = 0


class Steer(Struct, frozen=True, omit_defaults=True):
    """A message that waits for the next step boundary."""

    id: str
    text: str
    by: str
    attachments: tuple[Attachment, ...] = ()


class Briefing(Struct, frozen=True):
    """What the new driver of a reassigned task is told, once the old one's stop is proved."""

    former: str
    text: str


class Seat(Struct, frozen=True, omit_defaults=True):
    """Who drives: the member, since when (ms) and, for a person, until when the lease runs (0: no lease)."""

    member: str
    kind: MemberKind
    since: int
    lease_until: int = 0
    lease_ms: int = LEASE_MS  # how long the lease is each time it begins anew


class Agent(Struct, frozen=True, omit_defaults=True):
    """A sub-agent's summary. ``seat`` is the epoch that lives on a runner (0: none)."""

    id: str
    number: int
    name: str
    title: str
    role: str
    member: str  # who should drive it
    created_at: int
    since: int  # of the present status, ms
    status: AgentStatus = AgentStatus.QUEUED
    wait: WaitReason = WaitReason.NONE
    hold: WaitReason = WaitReason.NONE  # a wait that is not a tool call's: review, budget, stall
    parent: str = ""
    parent_call: str = ""  # the parent's assign_task call that this sub-agent answers
    conducts: bool = False
    review: bool = False
    conductor_reviews: bool = False  # its parent is told of the draft and may review it; people may always
    epoch: int = 0
    driver: Seat | None = None
    former: str = ""  # who drove before a person took the wheel
    seat: int = 0
    step: int = 0
    final: bool = False  # the last step ended the task; kept until accepted or overridden
    result: str = ""  # what that step said, until the sub-agent has ended
    calls: tuple[Call, ...] = ()
    steers: tuple[Steer, ...] = ()
    asked_by: str = ""  # a person who takes over after this step
    asked_lease: int = LEASE_MS  # and for how long, ms
    pausing: str = ""  # who asked for a pause at the next step boundary
    paused_by: str = ""
    allowed: tuple[str, ...] = ()  # tools a person allowed for this sub-agent
    depends_on: tuple[str, ...] = ()
    forked_from: str = ""
    forked_step: int = 0
    not_before: int = 0  # ms; backoff after a refusal by the provider
    attempts: int = 0  # failed turns since the last good one
    failing: Streak = Streak()
    taken_step: int = 0  # the step at which a person took the wheel
    untold: bool = False  # a person's lease ran out, and nobody has told its driver what they did
    briefing: Briefing | None = None  # waits for the proof of the old driver's stop
    critical: int = 0  # critical steps of everything under this sub-agent, finished stages only
    stage: int = 0  # the longest child of the stage under way
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    cost: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.status in ENDED

    def call(self, call_id: str) -> Call | None:
        """The open call of that id."""
        for call in self.calls:
            if call.id == call_id:
                return call
        return None

    @property
    def driven_by_person(self) -> bool:
        """Whether a person holds the wheel."""
        return self.driver is not None and self.driver.kind is MemberKind.PERSON


class Request(Struct, frozen=True, omit_defaults=True):
    """Something that waits for a person. Its words are in the ledger."""

    id: str
    kind: RequestKind
    agent: str
    opened_at: int
    call: str = ""
    tool: str = ""
    assigned: str = ""  # the person who has it: nobody else answers it
    assigned_at: int = 0


class RoleSpec(Struct, frozen=True):
    """A kind of sub-agent that a conductor made with ``create_subagent``."""

    name: str
    system_prompt: str
    member: str = ""


class Limits(Struct, frozen=True, omit_defaults=True):
    """At a limit the group asks, it does not die. 0 means no limit for money (USD), tokens and hours."""

    max_live: int = 300
    max_steps: int = 4_000
    agent_steps: int = 4_000
    budget_usd: float = 0.0
    budget_tokens: int = 0
    hours: float = 0.0

    def __post_init__(self) -> None:
        keep_floats(self, "budget_usd", "hours")


PRESETS = {"k2.6": Limits(), "k2.5": Limits(max_live=100, max_steps=1_500)}


class Group(Struct, frozen=True, omit_defaults=True):
    """The present state of one group. ``seq`` is the number of its last event."""

    id: str
    name: str = ""
    goal: str = ""
    rules: str = ""
    status: GroupStatus = GroupStatus.DRAFT
    seq: int = 0
    conductor: str = ""
    worker: str = ""  # who drives sub-agents for which nobody was named
    root: str = ""
    template: str = ""
    folder: str = ""  # what the group looks at; see ``folder_mode``
    folder_mode: str = "none"  # none | read | worktree
    created_at: int = 0
    started_at: int = 0
    ended_at: int = 0
    members: dict[str, Member] = {}
    agents: dict[str, Agent] = {}
    requests: dict[str, Request] = {}
    roles: dict[str, RoleSpec] = {}
    policies: dict[str, Policy] = {}
    limits: Limits = Limits()
    agents_made: int = 0
    requests_made: int = 0
    steers_made: int = 0
    steps: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    cost: float = 0.0

    @property
    def live(self) -> int:
        """How many sub-agents are under way. One that waits for its children takes no room: they could not start."""
        idle = ENDED | {AgentStatus.QUEUED, AgentStatus.PAUSED}
        return sum(a.status not in idle and a.wait is not WaitReason.CHILDREN for a in self.agents.values())

    def load(self, member: str) -> int:
        """How many sub-agents ``member`` drives now."""
        return sum(a.driver is not None and a.driver.member == member for a in self.agents.values())

    def busy(self, member: str) -> int:
        """How many of those are at work: while it waits for children it has room for them."""
        return sum(
            a.driver is not None and a.driver.member == member and a.wait is not WaitReason.CHILDREN
            for a in self.agents.values()
        )

    def children(self, agent_id: str) -> list[Agent]:
        """The direct children, in order of creation."""
        return [agent for agent in self.agents.values() if agent.parent == agent_id]
