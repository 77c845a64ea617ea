"""All groups in few words, and what waits for a person in them: made once for all viewers, and only when it is old."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from clawgroups.dispatcher.templates import TEMPLATES
from clawgroups.group.state import Agent, AgentStatus, Group, WaitReason

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

MOST = 200  # groups, the newest
FRESH_S = 0.9
GOAL_CHARS, TITLE_CHARS = 240, 300
Card = dict[str, Any]

_ENDS = {AgentStatus.DONE: "done", AgentStatus.FAILED: "bad", AgentStatus.CANCELLED: "off"}
_PLAIN = {AgentStatus.QUEUED: "queued", AgentStatus.PAUSED: "paused", AgentStatus.WAITING: "wait"}
_FOR_PEOPLE = frozenset({WaitReason.APPROVAL, WaitReason.ANSWER, WaitReason.REVIEW, WaitReason.BUDGET})


class Overview:
    """One per house. What has ended and left memory is read from the ledger once: it cannot change there."""

    def __init__(self, house: Dispatcher) -> None:
        self._house = house
        self._ended: dict[str, Card] = {}
        self._made: dict[str, Any] = {"groups": [], "requests": [], "more": False}
        self._made_at = 0.0
        self._making = asyncio.Lock()

    async def read(self) -> dict[str, Any]:
        """{groups, requests, more}: cards, newest first, and open requests. Raises LedgerStopped."""
        async with self._making:
            if time.monotonic() - self._made_at > FRESH_S:
                self._made = await self._make()
                self._made_at = time.monotonic()
        return self._made

    async def _make(self) -> dict[str, Any]:
        ids = await self._house.ledger.reader.group_ids(MOST + 1)
        cards = [await self._card(group_id) for group_id in ids[:MOST]]
        self._ended = {card["id"]: card for card in cards if card["ended_at"]}
        names = {card["id"]: card["name"] for card in cards}
        found = await self._house.news.requests.views(None, "open")
        requests = [_request(view, names.get(view["group"], "")) for view in found if view["group"] in names]
        return {"groups": cards, "requests": requests, "more": len(ids) > MOST}

    async def _card(self, group_id: str) -> Card:
        live = self._house.desk.groups.get(group_id)
        if live is not None:
            return card_of(live)
        known = self._ended.get(group_id)
        return known if known is not None else card_of(await self._house.group(group_id))


def look_of(group: Group, agent: Agent, asked: set[str]) -> str:
    """The look of a sub-agent, as ``lookOf`` in words.js has it; who is in a tool is not told apart here."""
    if agent.status in _ENDS:
        return _ENDS[agent.status]
    waits = agent.status is AgentStatus.WAITING and agent.wait in _FOR_PEOPLE
    if agent.id in asked or waits:
        return "att"
    if agent.status is AgentStatus.HANDING_OVER or agent.driven_by_person:
        return "hum"
    return _PLAIN.get(agent.status, "gen")


def card_of(group: Group) -> Card:
    """What the first page shows of a group."""
    asked = {request.agent for request in group.requests.values()}
    looks = Counter(look_of(group, agent, asked) for agent in group.agents.values())
    template = TEMPLATES.get(group.template)
    conductor = group.members.get(group.conductor)
    return {
        "id": group.id,
        "name": group.name,
        "goal": _cut(group.goal, GOAL_CHARS),
        "status": group.status.value,
        "template": template.name if template else "",
        "folder": group.folder,
        "conductor": conductor.name if conductor else group.conductor,
        "conductor_kind": conductor.kind.value if conductor else "",
        "created_at": group.created_at,
        "started_at": group.started_at,
        "ended_at": group.ended_at,
        "looks": dict(looks),
        "agents": len(group.agents),
        "live": group.live,
        "needs_you": len(group.requests),
        "steps": group.steps,
        "cost": round(group.cost, 4),
    }


def _request(view: dict[str, Any], group_name: str) -> dict[str, Any]:
    words = view["detail"] if view["kind"] == "question" and view["detail"] else view["title"]
    return {
        "id": view["id"],
        "kind": view["kind"],
        "group": view["group"],
        "group_name": group_name,
        "agent": view["agent"],
        "agent_name": view["agent_name"],
        "title": _cut(words, TITLE_CHARS),
        "opened_at": view["opened_at"],
        "blocked": view["blocked"],
    }


def _cut(text: str, most: int) -> str:
    """The beginning in one line; a long text is cut before it is looked through."""
    line = " ".join(text[: most * 4].split())
    return line if len(line) <= most and len(text) <= most * 4 else f"{line[:most].rstrip()}…"
