"""What can happen to a group as a whole."""

from __future__ import annotations

from msgspec import field

from clawgroups.group.attachments import Attachment
from clawgroups.group.event_base import Event
from clawgroups.group.members import Member
from clawgroups.group.state import Limits
from clawgroups.group.tools import Policy


class GroupCreated(Event, frozen=True, omit_defaults=True, kw_only=True):
    """A group exists, with its members as they were then."""

    group: str
    name: str
    goal: str
    members: tuple[Member, ...]
    conductor: str
    worker: str = ""
    rules: str = ""
    template: str = ""
    folder: str = ""
    folder_mode: str = "none"
    limits: Limits = Limits()
    policies: dict[str, Policy] = field(default_factory=dict)


class GroupStarted(Event, frozen=True):
    """The conductor may be launched."""


class GroupPaused(Event, frozen=True):
    """Nothing new is launched; everybody stops at the next step boundary."""


class GroupResumed(Event, frozen=True):
    """Those whom the pause stopped are queued again."""


class GroupCancelled(Event, frozen=True):
    """A person ended the group."""


class GroupFinished(Event, frozen=True):
    """Every sub-agent has ended."""


class GroupReopened(Event, frozen=True):
    """Work was added to a group that had ended: it runs again."""


class MemberJoined(Event, frozen=True):
    """A member was brought in, or its profile changed."""

    member: Member


class MemberLeft(Event, frozen=True):
    """A member was taken off the list."""

    member: str


class RoleCreated(Event, frozen=True, omit_defaults=True):
    """A conductor made a kind of sub-agent."""

    name: str
    system_prompt: str
    member: str = ""


class PolicySet(Event, frozen=True):
    """A tool's policy for the whole group."""

    tool: str
    policy: Policy


class LimitsChanged(Event, frozen=True):
    """A person moved a limit."""

    limits: Limits


class RulesChanged(Event, frozen=True):
    """The standing rules, whole."""

    rules: str


class MessagePosted(Event, frozen=True, omit_defaults=True):
    """Words in the room: of a sub-agent (``agent``), or of a person.

    ``to``: sub-agents that a person addressed; ``steers``: under which id each of them has the words in its queue.
    """

    text: str
    agent: str = ""
    to: tuple[str, ...] = ()
    steers: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
