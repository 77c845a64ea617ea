"""Follows the critical steps of a group through its sub-agents: what nobody could have done beside something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clawgroups.group.critical import Children, End, Mark, children_of, lengths, stages
from clawgroups.group.state import Agent, Group
from clawgroups.ledger import timeline as ledger
from clawgroups.ledger.reader import Reader

MOST_PARTS = 1_000
MOST_MARKS = 5_000  # of one sub-agent; a group has at most about as many steps
Json = dict[str, Any]


async def critical_path(reader: Reader, group: Group, over: Mapping[str, ledger.Turn]) -> Json:
    """``steps``: the figure of the group's header; ``parts``: [sub-agent, from ms, to ms, first step, last step].

    Times are ms after the group's creation. A part that goes on has no end. ``cut``: there are more parts than told.
    """
    root = group.agents.get(group.root)
    if root is None:
        return {"steps": 0, "total": group.steps, "parts": [], "cut": False}
    ends = {agent: End(turn.seq, turn.at) for agent, turn in over.items()}
    by_parent = children_of(group.agents)
    inner = [agent for agent in group.agents.values() if agent.id in by_parent and agent.step > agent.forked_step]
    last = await _last_seqs(reader, inner)
    walk = _Walk(reader, group, ends, lengths(group.agents, ends, last), by_parent)
    await walk.follow(root)
    return {
        "steps": root.critical + root.stage,
        "total": group.steps,
        "parts": walk.parts,
        "cut": walk.cut,
    }


async def _last_seqs(reader: Reader, agents: list[Agent]) -> dict[str, int]:
    ranges = [ledger.Range(agent.id, agent.step, agent.step, 1) for agent in agents]
    return {agent: rows[0].seq for agent, rows in (await ledger.steps(reader, ranges)).items() if rows}


class _Walk:
    """The parts found so far."""

    def __init__(
        self, reader: Reader, group: Group, ends: Mapping[str, End], length: Mapping[str, int], by_parent: Children
    ) -> None:
        self._reader, self._group, self._ends, self._length = reader, group, ends, length
        self._by_parent = by_parent
        self.parts: list[list[Any]] = []
        self.cut = False

    async def follow(self, agent: Agent) -> None:
        """Adds the steps of ``agent`` and, between them, of those it waited for longest."""
        children = self._by_parent.get(agent.id, [])
        end = self._ends.get(agent.id)
        if not children:
            if agent.step > agent.forked_step:
                self._add(agent, agent.created_at, end.at if end else 0, agent.forked_step + 1, agent.step)
            return
        rows = await ledger.marks(self._reader, agent.id, MOST_MARKS)
        marks = [Mark(row.step, row.seq, row.at) for row in rows]
        before = min(self._ends[agent.id].seq if end and agent.id != self._group.root else 2**62, 2**62)
        ended = {each.id: self._ends[each.id] for each in children if self._ends_before(each.id, before)}
        since = agent.created_at
        for child, mark in stages(marks, children, ended, self._length):
            if self.cut:
                return
            if child:
                await self.follow(self._group.agents[child])
                since = max(since, self._ends[child].at)
            if mark is not None:
                self._add(agent, since, mark.at, mark.step, mark.step)
                since = mark.at

    def _ends_before(self, agent: str, seq: int) -> bool:
        return agent in self._ends and self._ends[agent].seq < seq

    def _add(self, agent: Agent, begin: int, end: int, first: int, last: int) -> None:
        """One part more; steps of the same sub-agent one after another are one part."""
        base = self._group.created_at
        until = end - base if end else None
        newest = self.parts[-1] if self.parts else None
        if newest is not None and newest[0] == agent.id and newest[4] == first - 1:
            newest[2], newest[4] = until, last
        elif len(self.parts) >= MOST_PARTS:
            self.cut = True
        else:
            self.parts.append([agent.id, max(0, begin - base), until, first, last])
