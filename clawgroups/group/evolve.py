"""Applies one recorded event to a group's state. Knows what an event means, never whether it should happen."""

from __future__ import annotations

from msgspec.structs import replace

from clawgroups.group import events as ev
from clawgroups.group.evolve_agent import AGENT_RULES, settle
from clawgroups.group.evolve_group import GROUP_RULES
from clawgroups.group.state import AgentStatus, Group
from clawgroups.group.transitions import allowed


class IllegalEvent(Exception):
    """An event that the table of states does not allow; the state is unchanged."""


def evolve(group: Group, recorded: ev.Recorded) -> Group:
    """The state after ``recorded``. Raises IllegalEvent and changes nothing when the table forbids it."""
    return apply(group, recorded.event, recorded.at, recorded.seq)


def apply(group: Group, event: ev.Event, at: int, seq: int) -> Group:
    """The same for an event that is not on record yet."""
    group_rule = GROUP_RULES.get(type(event))
    after = group_rule(group, event, at) if group_rule else group
    if isinstance(event, ev.AgentEvent) and not isinstance(event, ev.AgentCreated):
        after = _evolve_agent(after, event, at)
    return replace(after, seq=seq)


def _evolve_agent(group: Group, event: ev.AgentEvent, at: int) -> Group:
    agent = group.agents.get(event.agent)
    if agent is None:
        raise IllegalEvent(f"{type(event).__name__} for {event.agent}, which does not exist")
    rule = AGENT_RULES.get(type(event))
    changed = rule(agent, event, at) if rule else agent
    if changed.status is agent.status and changed.status in (AgentStatus.DRIVING, AgentStatus.WAITING):
        changed = settle(changed)
    if not allowed(type(event), agent.status, changed.status):
        raise IllegalEvent(f"{type(event).__name__} from {agent.status} to {changed.status} ({agent.id})")
    if changed is agent:
        return group
    if changed.status is not agent.status or changed.wait is not agent.wait:
        changed = replace(changed, since=at)
    return replace(group, agents={**group.agents, agent.id: changed})
