"""The words of open requests, kept in memory so that the inbox needs no query."""

from __future__ import annotations

from typing import Any

from clawgroups.dispatcher.desk import Desk
from clawgroups.dispatcher.views import blocked_by
from clawgroups.group import events as ev
from clawgroups.group.state import Group
from clawgroups.ledger.reader import Reader


class Requests:
    """What each open request says; the rules know only that it is open."""

    def __init__(self, desk: Desk, reader: Reader) -> None:
        self._desk = desk
        self._reader = reader
        self._words: dict[str, dict[str, Any]] = {}

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
        return {
            **words,
            "group": group.id,
            "agent_name": agent.name if agent else request.agent,
            "blocked": blocked_by(group, request.agent),
        }

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
