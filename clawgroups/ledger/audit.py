"""Audits a group's ledger: the promises that can be read off it, and the mirrors against a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clawgroups.group import events as ev
from clawgroups.group.evolve import evolve
from clawgroups.group.state import Group

if TYPE_CHECKING:
    from clawgroups.ledger.reader import Reader


async def audit(reader: Reader, group_id: str) -> list[str]:
    """Sentences about what is wrong; empty when the record is whole."""
    problems: list[str] = []
    replayed = Group(id=group_id)
    steps: dict[str, int] = {}
    epochs: dict[str, int] = {}
    open_calls: dict[tuple[str, str], int] = {}
    expected = 1
    async for recorded in reader.all_events(group_id):
        if recorded.seq != expected:
            problems.append(f"event {expected} is missing (next is {recorded.seq})")
        expected = recorded.seq + 1
        replayed = evolve(replayed, recorded)
        problems += _check(recorded, steps, epochs, open_calls)
    mirrored = await reader.load_group(group_id)
    if mirrored != replayed:
        problems.append(_difference(mirrored, replayed))
    return problems


def _check(
    recorded: ev.Recorded,
    steps: dict[str, int],
    epochs: dict[str, int],
    open_calls: dict[tuple[str, str], int],
) -> list[str]:
    problems: list[str] = []
    event, agent = recorded.event, recorded.agent
    if agent and recorded.epoch < epochs.get(agent, 0):
        problems.append(f"epoch of {agent} falls at event {recorded.seq}")
    epochs[agent] = recorded.epoch
    if isinstance(event, ev.AgentCreated):
        steps[agent] = event.forked_step
    elif isinstance(event, ev.StepCommitted):
        if event.step != steps.get(agent, 0) + 1:
            problems.append(f"step {event.step} of {agent} follows {steps.get(agent, 0)}")
        if event.epoch != recorded.epoch:
            problems.append(f"step {event.step} of {agent} carries epoch {event.epoch}, not {recorded.epoch}")
        steps[agent] = event.step
        dangling = [call for (owner, call) in open_calls if owner == agent]
        if dangling:
            problems.append(f"step {event.step} of {agent} leaves calls open: {dangling}")
        for call in event.calls:
            open_calls[agent, call.id] = recorded.seq
    elif isinstance(event, ev.CallClosed) and open_calls.pop((agent, event.call), None) is None:
        problems.append(f"call {event.call} of {agent} is closed twice or was never made (event {recorded.seq})")
    return problems


def _difference(mirrored: Group, replayed: Group) -> str:
    for agent_id, agent in replayed.agents.items():
        if mirrored.agents.get(agent_id) != agent:
            return f"the mirror of {agent_id} differs: {mirrored.agents.get(agent_id)} is not {agent}"
    if mirrored.requests != replayed.requests:
        return f"the open requests differ: {sorted(mirrored.requests)} are not {sorted(replayed.requests)}"
    return "the mirror of the group differs from its replay"
