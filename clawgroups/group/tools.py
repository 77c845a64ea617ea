"""How a tool declares itself, and the group tools that the dispatcher carries out."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

GROUP_TOOL_NAMES = frozenset(
    {
        "create_subagent",
        "assign_task",
        "list_members",
        "review",
        "reassign_task",
        "ask_person",
        "post_message",
        "finish",
    }
)


class Policy(StrEnum):
    """Whether a call may start by itself."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class ToolSpec(Struct, frozen=True, omit_defaults=True):
    """What a driver and a person's form need to know of a tool. ``parameters`` is a JSON schema.

    ``safe`` means that running it twice does no harm, so that a call of unknown fate may be repeated.
    ``writes`` means that it may change the workspace, ``runs`` that it runs whatever program it is told to, ``outside``
    that it reaches beyond the workspace. ``off`` says why it cannot be used here.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    safe: bool = False
    writes: bool = False
    runs: bool = False
    outside: bool = False
    policy: Policy = Policy.ALLOW
    off: str = ""
    group: bool = False
