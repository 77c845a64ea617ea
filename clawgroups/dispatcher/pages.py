"""Whole pages of the API: a sub-agent with everything a person needs to drive it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clawgroups.dispatcher.views import group_view, spec_view, tile
from clawgroups.group.events import encode
from clawgroups.group.group_tools import described
from clawgroups.group.state import Agent, AgentStatus, CallStatus, Group
from clawgroups.group.thread import Entry
from clawgroups.group.tools import Policy
from clawgroups.ledger.histories import end_reason, lapsed

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher


class Pages:
    """Reads the state in memory and, for words, the ledger."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def groups(self) -> list[dict[str, Any]]:
        """All groups, newest first."""
        found = []
        for group_id in await self._dispatcher.ledger.reader.group_ids(200):
            found.append(group_view(await self._dispatcher.group(group_id)))
        return found

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
            "requests": [view for view in requests if view["agent"] == agent_id],
            "partial": self._dispatcher.live.partial(agent_id),
            "taken": {"at": taken[1], "step": agent.taken_step, "by": taken[2]} if taken else None,
            "stop": await reader.stop_proof(agent_id),
            "members": [{"id": m.id, "name": m.name, "kind": m.kind.value} for m in group.members.values()],
        }

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
    }
