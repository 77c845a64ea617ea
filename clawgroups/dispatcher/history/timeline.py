"""The timeline of a group: what every sub-agent did when, bounded in size, and the critical path through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row

from clawgroups.dispatcher.history import spans
from clawgroups.dispatcher.history.critical_path import critical_path
from clawgroups.errors import NotFound
from clawgroups.group.state import Agent, Group
from clawgroups.ids import now_ms
from clawgroups.ledger import timeline as ledger
from clawgroups.ledger.reader import Reader

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

MOST_LANES = 1_500
MOST_STEPS = 18_000  # spans of steps in one answer, over all lanes
MOST_CALLS_A_LANE = 400
LEAST_STEPS = 8  # of one lane
PROBES = 16
ROUNDS = 3
Json = dict[str, Any]
Spans = list[list[Any]]


@dataclass(frozen=True)
class Window:
    """What is asked for: spans that touch ``after`` to ``before``, ms; 0: from the beginning, until now."""

    after: int = 0
    before: int = 0
    agents: tuple[str, ...] = ()


async def timeline(house: Dispatcher, group_id: str, window: Window) -> Json:
    """The answer for a page. Raises NotFound for a group or a sub-agent that is not there."""
    group = await house.group(group_id)
    asked = _asked(group, window.agents)
    async with house.ledger.reader.frozen() as reader:
        turns = await ledger.turns(reader, group_id)
        waits = await ledger.waits(reader, group_id)
        lanes = _lanes(group, turns)
        path = await critical_path(reader, group, {key: lane.over for key, lane in lanes.items() if lane.over})
        steps, exact = await _steps(reader, asked, window)
        calls = await ledger.calls(reader, [exact[each.id] for each in asked if each.id in exact])
    drawn = _Drawing(group, window, lanes, steps, exact, calls, waits)
    return {
        "group": group_id,
        "base": group.created_at,
        "at": now_ms(),
        "after_ms": window.after,
        "before_ms": window.before,
        "lanes": [drawn.lane(agent) for agent in asked],
        "left_out": 0 if window.agents else max(0, len(group.agents) - len(asked)),
        "members": drawn.members,
        "critical": path,
    }


def _asked(group: Group, wanted: Sequence[str]) -> list[Agent]:
    if not wanted:
        return list(group.agents.values())[:MOST_LANES]
    lost = next((each for each in wanted if each not in group.agents), None)
    if lost is not None:
        raise NotFound(f"There is no sub-agent {lost[:80]} in this group.")
    return [group.agents[each] for each in dict.fromkeys(wanted)][:MOST_LANES]


def _lanes(group: Group, turns: Sequence[ledger.Turn]) -> dict[str, spans.Lane]:
    lanes = {agent.id: spans.Lane(agent.created_at) for agent in group.agents.values()}
    for turn in turns:
        if turn.agent in lanes:
            lanes[turn.agent].hear(turn)
    return {agent: lane.done() for agent, lane in lanes.items()}


async def _steps(
    reader: Reader, agents: Sequence[Agent], window: Window
) -> tuple[dict[str, list[Row[Any]]], dict[str, ledger.Range]]:
    """The steps to show of each lane; and, for the lanes of which every step in the window is among them, which."""
    known = {each.id: (each.forked_step + 1, each.step) for each in agents if each.step > each.forked_step}
    if window.after or window.before:
        known = await _narrowed(reader, known, window)
    share = max(LEAST_STEPS, MOST_STEPS // max(1, len(agents)))
    ranges = [ledger.Range(each, a, b, min(b - a + 1, share)) for each, (a, b) in known.items()]
    exact = {each.agent: each for each in ranges if each.wanted == each.last - each.first + 1}
    return await ledger.steps(reader, ranges), exact


async def _narrowed(reader: Reader, known: dict[str, tuple[int, int]], window: Window) -> dict[str, tuple[int, int]]:
    """The steps that lie in the window and one more on each side, found by probing; a few more than that at worst."""
    moving = dict(known)
    for _ in range(ROUNDS):
        wide = [ledger.Range(each, a, b, PROBES) for each, (a, b) in moving.items() if b - a >= PROBES]
        if not wide:
            break
        for agent, rows in (await ledger.steps(reader, wide)).items():
            first, last = known[agent]
            a = max((row.step for row in rows if row.at < window.after), default=first)
            b = min((row.step for row in rows if window.before and row.at > window.before), default=last)
            known[agent] = (a, b)
            if b - a > (last - first) // 2:  # it does not get much narrower
                del moving[agent]
            else:
                moving[agent] = (a, b)
    return known


class _Drawing:
    """One answer under way. Times are told as ms after the group's creation, members by their place in a list."""

    def __init__(
        self,
        group: Group,
        window: Window,
        lanes: Mapping[str, spans.Lane],
        steps: Mapping[str, list[Row[Any]]],
        exact: Mapping[str, ledger.Range],
        calls: Sequence[Row[Any]],
        waits: Sequence[Row[Any]],
    ) -> None:
        self._group, self._window, self._lanes, self._steps, self._exact = group, window, lanes, steps, exact
        self._calls = _by_agent(calls)
        self._waits = _by_agent(waits)
        self.members: list[list[str]] = []
        self._places: dict[tuple[str, str], int] = {}

    def lane(self, agent: Agent) -> Json:
        """Everything that is shown of one sub-agent."""
        lane, rows = self._lanes[agent.id], self._steps.get(agent.id, [])
        calls = self._calls.get(agent.id, [])
        free: dict[int, int] = {}
        for call in calls:
            free[call.step] = max(free.get(call.step, 0), call.closed_at)
        begins = [state.begin for state in lane.states if state.state == "driving"]
        done = spans.steps_of(rows, begins, free)
        return {
            "id": agent.id,
            "exact": agent.id in self._exact or not rows,
            "states": [[*self._span(s.begin, s.end), s.state, self._place(s.member, s.kind), s.reason]
                       for s in lane.states if self._shown(s.begin, s.end)],
            "signs": [[self._ms(s.at), s.kind, self._place(s.member or s.actor, "")] for s in lane.signs
                      if self._shown(s.at, s.at)],
            "steps": [[*self._span(d.begin, d.end), d.step, d.number, self._place(d.member, ""), d.seq] for d in done
                      if self._shown(d.begin, d.end)],
            "calls": self._tools(calls),
            "waits": self._waiting(agent.id, calls),
        }  # fmt: skip

    def _tools(self, calls: Sequence[Row[Any]]) -> Spans:
        shown = [c for c in calls if c.name not in spans.CHILD_TOOLS and self._shown(c.at, c.closed_at)]
        return [
            [*self._span(c.at, c.closed_at), c.name[:80], c.fate or c.status, c.step]
            for c in shown[-MOST_CALLS_A_LANE:]
        ]

    def _waiting(self, agent: str, calls: Sequence[Row[Any]]) -> Spans:
        children = spans.merged((c.at, c.closed_at) for c in calls if c.name in spans.CHILD_TOOLS)
        found = [(begin, end, "children") for begin, end in children]
        found += [(w.opened_at, w.answered_at, w.kind) for w in self._waits.get(agent, ())]
        return [[*self._span(begin, end), kind] for begin, end, kind in sorted(found) if self._shown(begin, end)]

    def _shown(self, begin: int, end: int) -> bool:
        after, before = self._window.after, self._window.before
        return (end == spans.OPEN or end >= after) and (not before or begin <= before)

    def _ms(self, at: int) -> int:
        return max(0, at - self._group.created_at)

    def _span(self, begin: int, end: int) -> tuple[int, int | None]:
        return self._ms(begin), None if end == spans.OPEN else self._ms(end)

    def _place(self, member_id: str, kind: str) -> int:
        """The place in ``members`` of [name, kind]; -1 for nobody."""
        if not member_id:
            return -1
        known = self._group.members.get(member_id)
        kind = kind or (known.kind.value if known else "")
        if (member_id, kind) not in self._places:
            self._places[member_id, kind] = len(self.members)
            self.members.append([known.name if known else member_id, kind])
        return self._places[member_id, kind]


def _by_agent(rows: Sequence[Row[Any]]) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.agent_id, []).append(row)
    return found
