"""The words of open requests, kept in memory so that the inbox needs no query."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from clawgroups.dispatcher.desk import Desk
from clawgroups.dispatcher.risk import risk_of
from clawgroups.dispatcher.views import blocked_by
from clawgroups.group import events as ev
from clawgroups.group.state import Agent, Group, RequestKind
from clawgroups.group.tools import ToolSpec
from clawgroups.ledger.reader import Reader

ALONE = (RequestKind.REVIEW.value, RequestKind.TASK.value)  # each is about a work of its own
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def cause_of(words: dict[str, Any], agent_name: str) -> str:
    """The same for requests that ask the very same of a person: tool, arguments and words, but for the name."""
    if words["kind"] in ALONE:
        return str(words["id"])
    try:
        arguments = json.dumps(json.loads(words["arguments"]), sort_keys=True)
    except ValueError:
        arguments = words["arguments"]
    said = [words[part].replace(agent_name, "") for part in ("title", "detail")]
    whole = json.dumps([words["kind"], words["tool"], arguments, *said])
    return hashlib.blake2s(whole.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _rate(agent: Agent, opened_at: int) -> float:
    """What it has cost in an hour, USD, up to where it began to wait: it stays the same meanwhile."""
    return round(agent.cost * HOUR_MS / max(opened_at - agent.created_at, MINUTE_MS), 4)


class Requests:
    """What each open request says; the rules know only that it is open. ``tools``: the catalogue of a sub-agent."""

    def __init__(self, desk: Desk, reader: Reader) -> None:
        self._desk = desk
        self._reader = reader
        self._words: dict[str, dict[str, Any]] = {}
        self.tools: Callable[[str], dict[str, ToolSpec]] = lambda agent: {}

    def hear(self, recorded: ev.Recorded) -> None:
        """Keeps the words of a request that opens, drops those of one that closes."""
        event = recorded.event
        if isinstance(event, ev.RequestOpened):
            self._words[event.request] = {
                "id": event.request,
                "kind": event.request_kind.value,
                "agent": event.agent,
                "call": event.call,
                "tool": event.tool,
                "title": event.title,
                "detail": event.detail,
                "arguments": event.arguments,
                "choices": [{"id": c.id, "label": c.label, "needs": c.needs} for c in event.choices],
                "opened_at": recorded.at,
                "state": "open",
            }
        elif isinstance(event, (ev.RequestAnswered, ev.RequestWithdrawn)):
            self._words.pop(event.request, None)

    async def load(self, group: Group) -> None:
        """Reads the words of requests that were opened by a former process."""
        if any(request not in self._words for request in group.requests):
            for row in await self._reader.requests(group.id, state="open"):
                self._words.setdefault(row["id"], row)

    def view(self, group: Group, request_id: str) -> dict[str, Any]:
        """An open request for the inbox."""
        request = group.requests[request_id]
        words = self._words.get(request_id) or {
            "id": request_id,
            "kind": request.kind.value,
            "agent": request.agent,
            "call": request.call,
            "tool": request.tool,
            "title": "",
            "detail": "",
            "arguments": "",
            "choices": [],
            "opened_at": request.opened_at,
            "state": "open",
        }
        agent = group.agents.get(request.agent)
        name = agent.name if agent else request.agent
        person = group.members.get(request.assigned)
        call = agent.call(request.call) if agent and request.call else None
        if "cause" not in words:
            words["cause"] = cause_of(words, name)
        return {
            **words,
            "group": group.id,
            "agent_name": name,
            "blocked": blocked_by(group, request.agent),
            "safe": bool(call and call.safe),
            "risk": self._risk(request.kind, request.agent, words["tool"], safe=bool(call and call.safe)),
            "rate": _rate(agent, request.opened_at) if agent else 0.0,
            "assigned": request.assigned,
            "assigned_name": person.name if person else request.assigned,
            "assigned_at": request.assigned_at,
        }

    def _risk(self, kind: RequestKind, agent: str, tool: str, *, safe: bool) -> dict[str, object]:
        return risk_of(kind, tool, self.tools(agent).get(tool), safe=safe).as_dict()

    async def views(self, group_id: str | None, state: str) -> list[dict[str, Any]]:
        """Requests of one group or of all, open or closed, oldest first."""
        if state != "open":
            return await self._reader.requests(group_id, state=state)
        found = []
        for group in list(self._desk.groups.values()):
            if group_id in (None, group.id) and group.requests:
                await self.load(group)
                found += [self.view(group, request) for request in group.requests if request in group.requests]
        return sorted(found, key=lambda view: view["opened_at"])
