"""Members and tools as things to choose in a form. What each member is, is always said: model, program or person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clawgroups.group.group_tools import SPECS
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.tools import ToolSpec
from clawgroups.ui.components.form.form import Option

HEADINGS = {MemberKind.MODEL: "Models", MemberKind.PROGRAM: "Programs", MemberKind.PERSON: "People"}
LOOKS = {MemberKind.MODEL: "tag-info", MemberKind.PROGRAM: "", MemberKind.PERSON: "tag-human"}
ABOUT = 240  # characters of a description that somebody else wrote


def where(member: Member) -> str:
    """Where a member runs, in a few words."""
    if member.model is not None:
        return f"{member.model.model} at {member.model.base_url}"
    if member.program is not None:
        return "ships with Claw Groups" if member.bundled else " ".join(member.program.command)
    return "works in this browser"


def member_option(member: Member) -> Option:
    """A member with its kind and what it is."""
    about = " ".join((member.description or where(member)).split())
    return Option(
        value=member.id,
        label=member.name,
        heading=HEADINGS[member.kind],
        tag=member.kind.value,
        look=LOOKS[member.kind],
        about=about if len(about) <= ABOUT else f"{about[:ABOUT]}…",
    )


def member_options(members: Iterable[Member]) -> tuple[Option, ...]:
    """Models first, then programs, then people; by name."""
    order = list(HEADINGS)
    return tuple(member_option(m) for m in sorted(members, key=lambda m: (order.index(m.kind), m.name.lower())))


def tool_options(tools: Mapping[str, ToolSpec]) -> tuple[Option, ...]:
    """The tools of the runner, and the conductor's."""
    return (
        *(_tool(spec, "Tools of every sub-agent") for spec in tools.values()),
        *(_tool(spec, "Tools of the conductor") for spec in SPECS),
    )


def _tool(spec: ToolSpec, heading: str) -> Option:
    about = spec.description.split("\n")[0]
    return Option(
        value=spec.name, label=spec.name, heading=heading, about=about, default=spec.policy.value, off=spec.off
    )
