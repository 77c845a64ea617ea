"""Turns committed events into what the feed tells: which tiles changed, which requests opened, what happened."""

from __future__ import annotations

from typing import Any

from clawgroups.dispatcher.desk import Desk
from clawgroups.dispatcher.feed import GroupFeed
from clawgroups.dispatcher.live import LiveText
from clawgroups.dispatcher.requests import Requests
from clawgroups.dispatcher.views import group_view, tile
from clawgroups.group import events as ev
from clawgroups.group.draft import Decision
from clawgroups.group.state import Agent, Group
from clawgroups.ids import now_ms
from clawgroups.ledger.reader import Reader

TURN_ENDS = (ev.StepCommitted, ev.DriverStopped, ev.DriverFailed, ev.SeatLost, ev.AgentFinished)
QUIET = (ev.CallClosed, ev.CallReleased, ev.CallWaits, ev.LeaseRenewed, ev.StepCommitted, ev.AgentHeld, ev.RequestLetGo)
SAID = (
    *(ev.MessagePosted, ev.SteerQueued, ev.RulesChanged, ev.HandedBack, ev.Reassigned),
    *(ev.AgentFinished, ev.AgentFailed),
)


class News:
    """Hears every decision; makes snapshots and batches."""

    def __init__(self, desk: Desk, reader: Reader, live: LiveText) -> None:
        self._desk = desk
        self._reader = reader
        self._live = live
        self.requests = Requests(desk, reader)

    def hear(self, before: Group, decision: Decision, feed: GroupFeed | None) -> None:
        """Notes what a decision changed. Cheap when nobody watches."""
        for recorded in decision.events:
            event = recorded.event
            if isinstance(event, TURN_ENDS):
                self._live.end_turn(recorded.agent)
            self.requests.hear(recorded)
            if feed is not None:
                _note(feed, recorded, decision.group)
        if feed is not None and (before.steps, before.status, before.limits) != (
            decision.group.steps,
            decision.group.status,
            decision.group.limits,
        ):
            feed.group = True

    def changes(self, group_id: str, feed: GroupFeed) -> dict[str, Any]:
        """The body of one batch; clears what it tells."""
        group = self._desk.groups.get(group_id)
        if group is None:
            return {"at": now_ms()}
        body: dict[str, Any] = {"seq": group.seq, "at": now_ms()}
        if feed.tiles:
            moved = sorted((group.agents[a] for a in feed.tiles if a in group.agents), key=lambda agent: agent.number)
            body["tiles"] = [self._tile(group, agent) for agent in moved]  # new ones find their place in this order
        if feed.group or feed.tiles:
            body["group"] = group_view(group)
        if feed.opened or feed.closed or feed.changed:
            body["requests"] = {
                "opened": self._open(group, feed.opened),
                "changed": self._open(group, feed.changed - feed.opened),
                "closed": sorted(feed.closed),
            }
        if feed.room:
            body["room"] = True
        if feed.events:
            body["events"] = list(feed.events)
        feed.tiles, feed.group, feed.opened, feed.closed = set(), False, set(), set()
        feed.room, feed.changed = False, set()
        feed.events.clear()
        return body

    async def snapshot(self, group_id: str) -> dict[str, Any]:
        """The whole group for a viewer who begins to watch or fell behind."""
        group = self._desk.groups.get(group_id) or await self._reader.load_group(group_id)
        await self.requests.load(group)
        group = self._desk.groups.get(group_id, group)
        return {
            "seq": group.seq,
            "at": now_ms(),
            "group": group_view(group),
            "tiles": [self._tile(group, agent) for agent in group.agents.values()],
            "requests": [self.requests.view(group, request) for request in group.requests],
        }

    def _open(self, group: Group, wanted: set[str]) -> list[dict[str, Any]]:
        return [self.requests.view(group, request) for request in wanted if request in group.requests]

    def _tile(self, group: Group, agent: Agent) -> dict[str, Any]:
        return {**tile(group, agent), "tool": self._live.tool(agent.id), "line": self._live.line(agent.id)}


def _note(feed: GroupFeed, recorded: ev.Recorded, group: Group) -> None:
    event = recorded.event
    if recorded.agent:
        feed.tiles.add(recorded.agent)
    if isinstance(event, ev.RequestOpened):
        feed.opened.add(event.request)
    elif isinstance(event, (ev.RequestAnswered, ev.RequestWithdrawn)):
        feed.closed.add(event.request)
    elif isinstance(event, (ev.RequestAssigned, ev.RequestLetGo)):
        feed.changed.add(event.request)
    elif not isinstance(event, ev.AgentEvent):
        feed.group = True
    if isinstance(event, SAID):
        feed.room = True
    if not isinstance(event, QUIET):
        agent = group.agents.get(recorded.agent)
        feed.events.append(
            {
                "seq": recorded.seq,
                "kind": recorded.kind,
                "agent": recorded.agent,
                "at": recorded.at,
                "by": recorded.actor,
                "text": f"{agent.name if agent else group.name}: {recorded.kind.replace('_', ' ')}",
            }
        )
