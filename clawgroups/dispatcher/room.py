"""The room of a group as people read it: what was said, by whose name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clawgroups.group.state import Group
from clawgroups.ledger.room import ENDS, room_page

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

BEGINNING = 2_000  # characters of a sub-agent's result; its thread has all of it


async def read_room(
    house: Dispatcher, group_id: str, *, before: int | None, after: int | None, agent: str, limit: int
) -> dict[str, Any]:
    """{messages, more, rules}. ``more``: whether there are others in the direction that was read. Raises NotFound."""
    group = await house.group(group_id)
    if agent:
        await house.agent(agent)
    reader = house.ledger.reader
    found = await room_page(reader, group_id, before=before, after=after, agent=agent, limit=limit + 1)
    more = len(found) > limit
    if more:
        found = found[:limit] if after is not None else found[1:]
    people = house.house_members()
    return {
        "messages": [_named(group, {i: m.name for i, m in people.items()}, message) for message in found],
        "more": more,
        "rules": group.rules,
    }


def _named(group: Group, people: dict[str, str], message: dict[str, Any]) -> dict[str, Any]:
    agents = group.agents
    name = agents[message["by_agent"]].name if message["by_agent"] in agents else ""
    by = group.members[message["by"]].name if message["by"] in group.members else people.get(message["by"], "")
    to = [
        {**one, "name": agents[one["agent"]].name if one["agent"] in agents else one["agent"]} for one in message["to"]
    ]
    about = agents[message["about"]].name if message["about"] in agents else ""
    named = {**message, "by_name": name or by or message["by"], "about_name": about, "to": to}
    return _shortened(named, whole=message["by_agent"] == group.root) if message["kind"] in ENDS else named


def _shortened(message: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """The beginning of a result; the conductor's own is what the group was for, and stands in full."""
    text = message["text"] if whole else message["text"][:BEGINNING]
    return {**message, "text": text, "cut": len(text) < len(message["text"]), "conducts": whole}
