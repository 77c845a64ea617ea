"""The state of groups, sub-agents and requests in the shapes that the API and the feed send out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from clawgroups.group.members import Member
from clawgroups.group.state import Agent, AgentStatus, Group
from clawgroups.group.tools import ToolSpec

HOUSE = "house"  # the group that holds the installation's members


def group_view(group: Group) -> dict[str, Any]:
    """A group for lists and headers."""
    counts = Counter(agent.status.value for agent in group.agents.values())
    root = group.agents.get(group.root)
    return {
        "id": group.id,
        "name": group.name,
        "goal": group.goal,
        "rules": group.rules,
        "status": group.status.value,
        "template": group.template,
        "folder": group.folder,
        "folder_mode": group.folder_mode,
        "conductor": group.conductor,
        "worker": group.worker,
        "created_at": group.created_at,
        "started_at": group.started_at,
        "ended_at": group.ended_at,
        "counts": {status.value: counts.get(status.value, 0) for status in AgentStatus},
        "needs_you": len(group.requests),
        "steps": group.steps,
        "critical": root.critical + root.stage if root else 0,
        "tokens_in": group.tokens_in,
        "tokens_out": group.tokens_out,
        "cost": round(group.cost, 6),
        "limits": msgspec.to_builtins(group.limits) | _limit_defaults(group),
        "root": group.root or None,
        "seq": group.seq,
    }


def _limit_defaults(group: Group) -> dict[str, float]:
    limits = group.limits
    return {
        "max_live": limits.max_live,
        "max_steps": limits.max_steps,
        "agent_steps": limits.agent_steps,
        "budget_usd": limits.budget_usd,
        "budget_tokens": limits.budget_tokens,
        "hours": limits.hours,
    }


def driver_view(group: Group, agent: Agent) -> dict[str, Any] | None:
    """Who holds the wheel."""
    if agent.driver is None:
        return None
    member = group.members.get(agent.driver.member)
    return {
        "id": agent.driver.member,
        "name": member.name if member else agent.driver.member,
        "kind": agent.driver.kind.value,
        "since": agent.driver.since,
    }


def tile(group: Group, agent: Agent) -> dict[str, Any]:
    """A sub-agent on the wall, without its live text."""
    return {
        "id": agent.id,
        "n": agent.number,
        "name": agent.name,
        "title": agent.title,
        "role": agent.role,
        "parent": agent.parent or None,
        "state": agent.status.value,
        "wait": agent.wait.value,
        "driver": driver_view(group, agent),
        "member": agent.member,
        "epoch": agent.epoch,
        "step": agent.step,
        "critical": agent.critical + agent.stage,
        "tokens": agent.tokens_in + agent.tokens_out,
        "cost": round(agent.cost, 6),
        "since": agent.since,
        "lease_until": agent.driver.lease_until if agent.driver else 0,
        "asked_by": agent.asked_by,
        "pausing": agent.pausing,
    }


def member_view(member: Member, busy: dict[str, Any], tested: dict[str, Any] | None = None) -> dict[str, Any]:
    """A member and its profile; keys are never shown. ``busy``: see ``Loads``; ``tested``: what its last test said."""
    return {
        "id": member.id,
        "name": member.name,
        "kind": member.kind.value,
        "description": member.description,
        "skills": list(member.skills),
        "capacity": member.capacity,
        "bundled": member.bundled,
        "model": msgspec.to_builtins(member.model) if member.model else None,
        "program": {"command": list(member.program.command)} if member.program else None,
        **busy,
        "tested": tested,
    }


def spec_view(spec: ToolSpec) -> dict[str, Any]:
    """A tool for a form."""
    return {
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
        "safe": spec.safe,
        "writes": spec.writes,
        "policy": spec.policy.value,
        "off": spec.off,
        "group": spec.group,
    }


def blocked_by(group: Group, agent_id: str) -> int:
    """How many sub-agents wait because of this one: its waiting ancestors, and itself."""
    blocked, agent = 0, group.agents.get(agent_id)
    while agent is not None:
        blocked += 1
        agent = group.agents.get(agent.parent)
    return blocked
