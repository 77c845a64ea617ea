"""All groups in few words, and what waits for a person in them: made once for all viewers, and only when it is old.

Open groups are in memory. Those that have ended come from the ledger with one query a page, and are read again only
when one more has ended.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from clawgroups.dispatcher.founding.templates import TEMPLATES
from clawgroups.group.state import Agent, AgentStatus, Group, WaitReason
from clawgroups.ledger.history import History, Run

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

FIRST = 60  # ended groups, the newest
MORE = 120
FRESH_S = 0.9
GOAL_CHARS, TITLE_CHARS = 240, 300
Card = dict[str, Any]

_ENDS = {AgentStatus.DONE: "done", AgentStatus.FAILED: "bad", AgentStatus.CANCELLED: "off"}
_PLAIN = {AgentStatus.QUEUED: "queued", AgentStatus.PAUSED: "paused", AgentStatus.WAITING: "wait"}
_FOR_PEOPLE = frozenset({WaitReason.APPROVAL, WaitReason.ANSWER, WaitReason.REVIEW, WaitReason.BUDGET})


class Overview:
    """One per house. ``next`` of what is read continues with older groups that have ended."""

    def __init__(self, house: Dispatcher) -> None:
        self._house = house
        self._history = History(house.ledger.reader)
        self._ended: tuple[list[Card], str] = ([], "")
        self._ended_of: frozenset[tuple[str, bool]] | None = None  # the groups in memory when those were read
        self._made: dict[str, Any] = {"groups": [], "requests": [], "next": ""}
        self._made_at = 0.0
        self._making = asyncio.Lock()

    async def read(self) -> dict[str, Any]:
        """{groups, requests, next}: cards, newest first, and open requests. Raises LedgerStopped."""
        async with self._making:
            if time.monotonic() - self._made_at > FRESH_S:
                self._made = await self._make()
                self._made_at = time.monotonic()
        return self._made

    async def older(self, cursor: str) -> dict[str, Any]:
        """{groups, next}: cards of groups that ended before those. Raises LedgerStopped."""
        page = await self._history.ended(cursor, MORE)
        return {"groups": [ended_card(run) for run in page.runs], "next": page.next}

    async def _make(self) -> dict[str, Any]:
        in_memory = self._house.open_groups()
        under_way = [group for group in in_memory if not group.ended_at]
        await self._read_ended(frozenset((group.id, group.ended_at > 0) for group in in_memory))
        cards = [card_of(group) for group in under_way]
        known = {card["id"] for card in cards}
        ended, following = self._ended
        cards += [card for card in ended if card["id"] not in known]
        cards.sort(key=lambda card: (card["created_at"], card["id"]), reverse=True)
        names = {card["id"]: card["name"] for card in cards}
        found = await self._house.news.requests.views(None, "open")
        requests = [_request(view, names.get(view["group"], "")) for view in found if view["group"] in names]
        return {"groups": cards, "requests": requests, "next": following}

    async def _read_ended(self, in_memory: frozenset[tuple[str, bool]]) -> None:
        """A group that ends stays in memory for a while, and its end is in the ledger before it is seen there."""
        if self._ended_of != in_memory:
            page = await self._history.ended(limit=FIRST)
            self._ended = [ended_card(run) for run in page.runs], page.next
            self._ended_of = in_memory


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
    return _card(group, dict(looks), group.live)


def ended_card(run: Run) -> Card:
    """The same of a group that has ended, whose sub-agents are only counted."""
    looks = {look: run.counts[status.value] for status, look in _ENDS.items() if status.value in run.counts}
    return _card(run.group, looks, 0)


def _card(group: Group, looks: dict[str, int], live: int) -> Card:
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
        "looks": looks,
        "agents": sum(looks.values()),
        "live": live,
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
        **{name: view[name] for name in ("blocked", "safe", "rate", "cause", "assigned", "assigned_name")},
    }


def _cut(text: str, most: int) -> str:
    """The beginning in one line; a long text is cut before it is looked through."""
    line = " ".join(text[: most * 4].split())
    return line if len(line) <= most and len(text) <= most * 4 else f"{line[:most].rstrip()}…"
