"""Whole pages of the API: a sub-agent with everything a person needs to drive it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clawgroups.dispatcher.history.history import counted_view
from clawgroups.dispatcher.views import group_view, spec_view, tile
from clawgroups.group.attachments import view
from clawgroups.group.events import encode
from clawgroups.group.group_tools import described
from clawgroups.group.state import Agent, AgentStatus, CallStatus, Group
from clawgroups.group.thread import Entry
from clawgroups.group.tools import Policy
from clawgroups.ids import now_ms
from clawgroups.ledger.histories import end_reason, lapsed
from clawgroups.ledger.history import Filters, History

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

MOST_IN_FLIGHT = 64  # calls that are told with the proof of a stop


class Pages:
    """Reads the state in memory and, for words, the ledger."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def groups(self, cursor: str = "", limit: int = 200) -> dict[str, Any]:
        """A page of all groups, newest first. Raises Invalid for a bad cursor."""
        page = await History(self._dispatcher.ledger.reader).page(Filters(), cursor, limit)
        open_ones = self._dispatcher.desk.groups
        views = [
            group_view(open_ones[run.group.id]) if run.group.id in open_ones else counted_view(run) for run in page.runs
        ]
        return {"groups": views, "next": page.next or None}

    async def agents(self, group_id: str) -> list[dict[str, Any]]:
        """All sub-agents of a group as tiles."""
        group = await self._dispatcher.group(group_id)
        return [self.tile(group, agent) for agent in group.agents.values()]

    def tile(self, group: Group, agent: Agent) -> dict[str, Any]:
        """A tile with its live parts."""
        live = self._dispatcher.live
        return {**tile(group, agent), "tool": live.tool(agent.id), "line": live.line(agent.id)}

    async def agent(self, agent_id: str) -> dict[str, Any]:
        """A sub-agent with its texts, open calls, tools, children, requests and the proof of its last stop."""
        group, agent = await self._dispatcher.agent(agent_id)
        reader = self._dispatcher.ledger.reader
        taken = await reader.last_take_over(agent_id)
        view = self.tile(group, agent) | await reader.agent_texts(agent_id)
        requests = await self._dispatcher.news.requests.views(group.id, "open") if not group.ended_at else []
        return view | {
            "group": group.id,
            "group_name": group.name,
            "group_status": group.status.value,
            "former": agent.former or None,
            "reason": await self._reason(agent),
            "lapsed": await lapsed(reader, agent_id) if agent.status is AgentStatus.PAUSED else "",
            "calls": await self._calls(group, agent),
            "steers": [{"id": s.id, "text": s.text, "by": s.by} for s in agent.steers],
            "tools": self._tools(group, agent),
            "children": [self.tile(group, child) for child in group.children(agent_id)],
            "blocks": _blocked_by(group, agent),
            "limits": _limits(group, agent),
            "requests": [view for view in requests if view["agent"] == agent_id],
            "partial": self._dispatcher.live.partial(agent_id),
            "taken": {"at": taken[1], "step": agent.taken_step, "by": taken[2]} if taken else None,
            "stop": await self._stop(agent_id),
            "members": [{"id": m.id, "name": m.name, "kind": m.kind.value} for m in group.members.values()],
        }

    async def _stop(self, agent_id: str) -> dict[str, Any] | None:
        """The last proof of a stop, with what became of the calls that were in flight."""
        reader = self._dispatcher.ledger.reader
        stop = await reader.stop_proof(agent_id)
        if stop is None or "proof" not in stop:
            return stop
        after, calls = int(stop["seq"]), list[dict[str, Any]]()
        for entry in await reader.transcript(agent_id, after=after, limit=MOST_IN_FLIGHT):
            if entry.role != "tool" or entry.seq != after + len(calls) + 1:
                break  # they are told in the very decision that takes the proof
            calls.append({"id": entry.call_id, "name": entry.name, "fate": entry.fate})
        stop["proof"]["calls"] = calls
        return stop

    async def _reason(self, agent: Agent) -> str:
        """Why it failed; empty when it did not. The driver's own words come first: they say what was wrong."""
        if agent.status is not AgentStatus.FAILED:
            return ""
        reason, said = await end_reason(self._dispatcher.ledger.reader, agent.id)
        sentence = f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
        return f"{said} {sentence}" if said and said not in reason else sentence

    async def _calls(self, group: Group, agent: Agent) -> list[dict[str, Any]]:
        if not agent.calls:
            return []
        thread = await self._dispatcher.ledger.reader.transcript(agent.id, before=2**62, limit=400)
        made = {call.id: call.arguments for entry in thread for call in entry.calls}
        asked = {r.call: r.id for r in group.requests.values() if r.agent == agent.id}
        return [
            {
                "id": call.id,
                "name": call.name,
                "arguments": call.arguments or made.get(call.id, "{}"),
                "status": "children" if call.status is CallStatus.CHILD else call.status.value,
                "request": asked.get(call.id, ""),
            }
            for call in agent.calls
        ]

    def _tools(self, group: Group, agent: Agent) -> list[dict[str, Any]]:
        catalogue = self._dispatcher.people.tools(agent.id).values()
        specs = [*(described(group.policies) if agent.conducts else ()), *catalogue]
        views = []
        for spec in specs:
            policy = group.policies.get(spec.name, spec.policy)
            if policy is not Policy.DENY:
                views.append({**spec_view(spec), "policy": policy.value})
        return views

    async def transcript(self, agent_id: str, *, after: int, before: int, limit: int) -> dict[str, Any]:
        """A page of the thread for people; ``next`` continues it."""
        group, _ = await self._dispatcher.agent(agent_id)
        entries = await self._dispatcher.ledger.reader.transcript(agent_id, after=after, before=before, limit=limit)
        full = len(entries) >= limit
        return {
            "entries": [_entry_view(group, entry) for entry in entries],
            "next": entries[-1].seq if full and not before and entries else None,
        }

    async def events(self, group_id: str, after: int, limit: int) -> dict[str, Any]:
        """A page of the append-only record."""
        await self._dispatcher.group(group_id)
        found = await self._dispatcher.ledger.reader.events(group_id, after, limit)
        rows = [
            {
                "seq": r.seq,
                "at": r.at,
                "actor": r.actor,
                "agent_id": r.agent,
                "epoch": r.epoch,
                "kind": r.kind,
                "body": json.loads(encode(r.event)),
            }
            for r in found
        ]
        return {"events": rows, "next": found[-1].seq if len(found) >= limit else None}


def _blocked_by(group: Group, agent: Agent) -> list[dict[str, str]]:
    """Who cannot go on before this one has ended, and why."""
    if agent.ended:
        return []
    parent = group.agents.get(agent.parent)
    found = []
    if parent is not None and agent.parent_call and parent.call(agent.parent_call):
        found.append({"id": parent.id, "name": parent.name, "why": "waits for its result"})
    for other in group.agents.values():
        if agent.id in other.depends_on and other.status is AgentStatus.QUEUED:
            found.append({"id": other.id, "name": other.name, "why": "begins when it is done"})
    return found


def _limits(group: Group, agent: Agent) -> list[dict[str, Any]]:
    """What it may use, and what is used of it; 0 as ``most``: no limit."""
    limits, tokens = group.limits, group.tokens_in + group.tokens_out
    hours = 0.0 if not group.started_at else ((group.ended_at or now_ms()) - group.started_at) / 3_600_000
    rows = (
        ("agent_steps", agent.step - agent.forked_step, limits.agent_steps),
        ("max_steps", group.steps, limits.max_steps),
        ("budget_usd", round(group.cost, 4), limits.budget_usd),
        ("budget_tokens", tokens, limits.budget_tokens),
        ("hours", round(hours, 2), limits.hours),
    )
    return [{"limit": name, "used": used, "most": most} for name, used, most in rows]


def _entry_view(group: Group, entry: Entry) -> dict[str, Any]:
    member = group.members.get(entry.by)
    agent = group.agents.get(entry.by)
    name = member.name if member else agent.name if agent else entry.by
    return {
        "role": entry.role,
        "content": entry.content,
        "reasoning": entry.reasoning,
        "calls": [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in entry.calls],
        "call_id": entry.call_id,
        "name": entry.name,
        "by": entry.by,
        "by_name": name,
        "by_kind": member.kind.value if member else "",
        "kind": entry.kind,
        "fate": entry.fate,
        "unfinished": entry.unfinished,
        "step": entry.step,
        "seq": entry.seq,
        "at": entry.at,
        "attachments": [view(one) for one in entry.attachments],
    }
