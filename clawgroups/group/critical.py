"""Takes the critical steps of a group apart: stage by stage the conductor's steps and its longest child.

The figure itself grows with the events (``evolve_group``). Here it is taken apart again, from the ends of the
sub-agents and the places of the steps in the record, so that people see where the time went. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from clawgroups.group.state import Agent


class End(NamedTuple):
    """When a sub-agent ended: the number of the event and the time, ms."""

    seq: int
    at: int


class Mark(NamedTuple):
    """A step of a sub-agent: its number, the number of its event and its time, ms."""

    step: int
    seq: int
    at: int


class Stage(NamedTuple):
    """One step of a parent and, before it, the longest child that ended since the step before ("": none did)."""

    child: str
    mark: Mark | None  # None: the stage under way, whose step has not come yet


Children = dict[str, list[Agent]]


def children_of(agents: Mapping[str, Agent]) -> Children:
    """The sub-agents by their parent, in order of creation."""
    found: Children = {}
    for agent in agents.values():
        found.setdefault(agent.parent, []).append(agent)
    return found


def lengths(agents: Mapping[str, Agent], ends: Mapping[str, End], last: Mapping[str, int]) -> dict[str, int]:
    """How many critical steps each ended sub-agent added to its parent's stage when it ended.

    ``last``: the number of the event of the last step, of those that have children. A child that ends after its parent
    makes the parent longer, but the parent's parent has taken its length already.
    """
    by_parent = children_of(agents)
    found: dict[str, int] = {}
    for agent in sorted((agents[each] for each in ends if each in agents), key=lambda one: ends[one.id].seq):
        inner = [
            found[child.id]
            for child in by_parent.get(agent.id, ())
            if child.id in found and ends[child.id].seq > last.get(agent.id, 0)
        ]
        found[agent.id] = agent.critical + max(inner, default=0)
    return found


def stages(
    marks: Sequence[Mark], children: Sequence[Agent], ends: Mapping[str, End], length: Mapping[str, int]
) -> list[Stage]:
    """A parent's stages in order; the last one has no step yet, when a child has ended since."""
    ended = sorted((each.id for each in children if each.id in ends), key=lambda one: ends[one].seq)
    found, at = [], 0
    for mark in marks:
        longest, at = _longest(ended, at, mark.seq, ends, length)
        found.append(Stage(longest, mark))
    longest, _ = _longest(ended, at, 2**62, ends, length)
    return [*found, Stage(longest, None)] if longest else found


def _longest(
    ended: Sequence[str], at: int, before: int, ends: Mapping[str, End], length: Mapping[str, int]
) -> tuple[str, int]:
    """The longest of those that ended before event ``before``, the first of equals; and where the next ones begin."""
    longest = ""
    while at < len(ended) and ends[ended[at]].seq < before:
        if length[ended[at]] > (length[longest] if longest else 0):
            longest = ended[at]
        at += 1
    return longest, at
