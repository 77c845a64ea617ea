"""Rules for launching: who may begin, and who gets the wheel first."""

from __future__ import annotations

from clawgroups.errors import Refused
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.boundary import (
    ask_for_limit,
    deliver_steers,
    end_failed,
    limit_reached,
)
from clawgroups.group.draft import Draft, refuse
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import (
    Agent,
    AgentStatus,
    GroupStatus,
    RequestKind,
)


def launch(draft: Draft, command: cmd.Launch) -> None:
    """Grants the wheel to the sub-agent's own member, when the group, limits and capacity allow it."""
    agent, group = draft.agent(command.agent), draft.group
    if agent.status is not AgentStatus.QUEUED:
        refuse("launch", agent, f"{agent.name} is not queued.")
    if group.status is not GroupStatus.RUNNING:
        raise Refused("launch", group.status.value, "The group is not running.")
    if agent.seat:
        refuse("alone", agent, f"{agent.name}'s old driver is not proved to have stopped yet.", "Wait a moment.")
    if _failed_dependency(draft, agent):
        return
    if draft.at < agent.not_before:
        refuse("backoff", agent, f"{agent.name} waits {agent.not_before - draft.at} ms before its next try.")
    if group.live >= group.limits.max_live:
        refuse("max_live", agent, f"{group.limits.max_live} sub-agents are live already.")
    reached = limit_reached(draft, agent)
    if reached:
        ask_for_limit(draft, agent, *reached)
        return
    member = draft.member(agent.member)
    if member.capacity and group.busy(member.id) >= member.capacity:
        refuse("capacity", agent, f"{member.name} drives {member.capacity} sub-agents already.")
    deliver_steers(draft, agent)
    grant(draft, agent, member, "launch")


def _failed_dependency(draft: Draft, agent: Agent) -> bool:
    """Ends an agent whose dependency failed; refuses while one is under way."""
    for needed in agent.depends_on:
        other = draft.agent(needed)
        if not other.ended:
            refuse("depends_on", agent, f"{agent.name} waits for {other.name}.")
        if other.status is not AgentStatus.DONE:
            end_failed(draft, agent, f"it depends on {other.name}, which ended as {other.status.value}")
            return True
    return False


def grant(draft: Draft, agent: Agent, member: Member, why: str) -> None:
    """A new epoch for ``member``; a person is also asked to come."""
    draft.add(
        ev.DriverGranted(
            agent=agent.id,
            epoch=draft.agent(agent.id).epoch + 1,
            member=member.id,
            member_kind=member.kind,
            why=why,
        )
    )
    draft.then(fx.Drive(agent.id))
    if member.kind is MemberKind.PERSON:
        invite(draft, agent, member)


def invite(draft: Draft, agent: Agent, person: Member) -> None:
    """Lets a person know that they hold a wheel they have not touched yet."""
    title = f"{agent.name} is yours, {person.name}: {agent.title}"
    draft.open_request(agent.id, RequestKind.TASK, title, tool=person.id)
