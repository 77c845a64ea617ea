"""What a timeline is drawn from: bounded however long the history is, and true to the record on both databases."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ledger_rig import write, written
from msgspec.structs import replace
from sqlalchemy import insert, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.history.critical_path import critical_path
from clawgroups.dispatcher.history.timeline import MOST_STEPS, Window, timeline
from clawgroups.errors import NotFound
from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, Group
from clawgroups.ledger import tables as t
from clawgroups.ledger import timeline as ledger_timeline
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.timeline import Range
from tests.unit.group.rule_world import GROUP
from tests.unit.group.scene import CHILD, CONDUCTOR, Scene, call
from tests.unit.ledger.ledger_history import History

LANES, STEPS, STEP_MS = 60, 700, 1_000


@dataclass
class House:
    """As much of a dispatcher as a timeline reads: a group in memory and its ledger."""

    ledger: Ledger
    state: Group

    async def group(self, group_id: str) -> Group:
        if group_id != self.state.id:
            raise NotFound(f"There is no group {group_id}.")
        return self.state


async def drawn(ledger: Ledger, group: Group, **window: Any) -> dict[str, Any]:
    """The timeline's answer."""
    return await timeline(cast(Dispatcher, House(ledger, group)), group.id, Window(**window))


def over_of(history: History) -> dict[str, ledger_timeline.Turn]:
    """The ends of the sub-agents, straight from the events."""
    found = {}
    for each in history.world.events:
        if isinstance(each.event, (ev.AgentFinished, ev.AgentFailed, ev.AgentCancelled)):
            found[each.agent] = ledger_timeline.Turn(each.agent, each.seq, each.at, each.kind, "", 0, "", "", "")
    return found


@pytest.mark.parametrize("seed", range(1, 13))
async def test_the_parts_of_the_critical_path_add_up_to_the_critical_steps(ledger: Ledger, seed: int) -> None:
    history = await written(ledger, seed, 500)
    group = history.world.group
    root = group.agents[group.root]
    path = await critical_path(ledger.reader, group, over_of(history))
    assert path["steps"] == root.critical + root.stage
    assert sum(last - first + 1 for _, _, _, first, last in path["parts"]) == path["steps"]
    assert path["total"] == group.steps


async def test_the_path_through_branches_that_end_in_an_odd_order_adds_up_too(ledger: Ledger) -> None:
    """One below g-2 ended in an earlier stage of it, another only after it; g-3 beside it was longer."""
    scene = Scene()
    scene.conduct({}, {})
    for number in (4, 5):
        scene.must(cmd.CreateAgent(name="w", task="below", member="program", parent=CHILD))
        scene.launch(f"g-{number}")
    work(scene, "g-4", 5)
    scene.turn(CHILD, call("ghost"))
    for number in range(6):
        scene.turn("g-5", call("ghost", n=number))
    work(scene, "g-3", 9)
    scene.must(cmd.CancelGroup())  # the upper ones first
    await write(ledger, scene.events)
    history = cast(History, SimpleNamespace(world=scene))
    path = await critical_path(ledger.reader, scene.group, over_of(history))
    root = scene.agent(CONDUCTOR)
    assert path["steps"] == root.critical + root.stage == 1 + 9
    assert [(agent, last - first + 1) for agent, _, _, first, last in path["parts"]] == [(CONDUCTOR, 1), ("g-3", 9)]
    alone = replace(scene.group, agents={k: v for k, v in scene.group.agents.items() if k != "g-3"})
    below = await critical_path(ledger.reader, alone, over_of(history))
    assert [agent for agent, *_ in below["parts"]] == [CONDUCTOR, "g-4", CHILD], "g-5 ended after the one it was under"


def work(scene: Scene, agent: str, steps: int) -> None:
    """So many steps, the last of which ends it."""
    for number in range(steps - 1):
        scene.turn(agent, call("ghost", n=number))
    scene.turn(agent)


@pytest.mark.parametrize("seed", [2, 7, 9])
async def test_a_lane_ends_in_the_state_and_with_the_driver_that_the_rules_have(ledger: Ledger, seed: int) -> None:
    history = await written(ledger, seed, 400)
    group = history.world.group
    answer = await drawn(ledger, group)
    assert [lane["id"] for lane in answer["lanes"]] == list(group.agents)
    for lane, agent in zip(answer["lanes"], group.agents.values(), strict=True):
        begins = [state[0] for state in lane["states"]]
        assert begins == sorted(begins)
        if agent.ended:
            assert all(state[1] is not None for state in lane["states"])
            continue
        _, end, state, member, _ = lane["states"][-1]
        assert end is None
        held = agent.status in (AgentStatus.DRIVING, AgentStatus.WAITING)
        assert state in (("driving", "waiting") if held else (agent.status.value,)), agent.id
        who = answer["members"][member] if member >= 0 else [None, None]
        wanted = group.members[agent.driver.member] if agent.driver else None
        assert who == ([wanted.name, wanted.kind.value] if wanted else [None, None]), agent.id
        assert sum(step[3] for step in lane["steps"]) == agent.step - agent.forked_step


async def long_group(ledger: Ledger, url: str) -> Group:
    """A group of many long lanes, whose rows are written straight into the tables."""
    history = await written(ledger, 4, 30)
    group = history.world.group
    root = group.agents[group.root]
    names = [f"{GROUP}-{900 + number}" for number in range(LANES)]
    start = group.created_at
    rows = [
        {"agent_id": name, "step": step, "group_id": GROUP, "seq": 10_000 + step, "epoch": 1, "by_member": "program",
         "at": start + step * STEP_MS, "finish": "", "tokens_in": 0, "tokens_out": 0, "cached": 0, "cost": 0.0,
         "preview": ""}
        for name in names for step in range(1, STEPS + 1)
    ]  # fmt: skip
    calls = [
        {"agent_id": row["agent_id"], "step": row["step"], "call_id": "c", "group_id": GROUP, "name": "read_file",
         "status": "closed", "fate": "done", "proposed_seq": row["seq"], "closed_seq": row["seq"], "at": row["at"],
         "closed_at": row["at"] + STEP_MS // 4}
        for row in rows
    ]  # fmt: skip
    engine = create_async_engine(make_url(url), poolclass=NullPool)
    async with engine.begin() as connection:
        for at in range(0, len(rows), 2_000):
            await connection.execute(insert(t.steps), rows[at : at + 2_000])
            await connection.execute(insert(t.tool_calls), calls[at : at + 2_000])
    await engine.dispose()
    made = {
        name: cast(Any, SimpleNamespace(
            id=name, number=900 + place, parent=root.id, created_at=start, step=STEPS, forked_step=0, critical=STEPS,
            stage=0, ended=False,
        ))
        for place, name in enumerate(names)
    }  # fmt: skip
    return cast(Group, SimpleNamespace(
        id=GROUP, created_at=start, agents=made, members=group.members, root="", steps=len(rows),
    ))  # fmt: skip


async def test_a_long_group_is_told_in_sums_and_a_narrow_window_step_by_step(ledger: Ledger, database_url: str) -> None:
    group = await long_group(ledger, database_url)
    wide = await drawn(ledger, group)
    told = sum(len(lane["steps"]) for lane in wide["lanes"])
    assert LANES <= told <= MOST_STEPS < LANES * STEPS
    for lane in wide["lanes"]:
        assert not lane["exact"]
        assert sum(step[3] for step in lane["steps"]) == STEPS, "no step is left out of the sums"
        assert lane["steps"][-1][2] == STEPS
        assert lane["calls"] == []
    name = next(iter(group.agents))
    after, before = group.created_at + 300 * STEP_MS, group.created_at + 340 * STEP_MS
    near = (await drawn(ledger, group, after=after, before=before, agents=(name,)))["lanes"]
    assert [lane["id"] for lane in near] == [name]
    assert near[0]["exact"]
    numbers = [step[2] for step in near[0]["steps"]]
    assert {step[3] for step in near[0]["steps"]} == {1}
    assert set(range(301, 341)) <= set(numbers) <= set(range(299, 343))
    assert [end - begin for begin, end, *_ in near[0]["calls"]] == [STEP_MS // 4] * len(near[0]["calls"])
    everybody = (await drawn(ledger, group, after=after, before=before))["lanes"]
    assert all(lane["exact"] and set(range(301, 341)) <= {step[2] for step in lane["steps"]} for lane in everybody)
    step = near[0]["steps"][5]
    assert step[1] - step[0] == STEP_MS - STEP_MS // 4, "a step begins when the last call was over"


async def test_steps_are_evenly_spaced_and_those_that_are_not_there_are_left_out(
    ledger: Ledger, database_url: str
) -> None:
    group = await long_group(ledger, database_url)
    one, two = list(group.agents)[:2]
    found = await ledger_timeline.steps(
        ledger.reader, [Range(one, 1, STEPS, 5), Range(two, 7, 7, 1), Range("x", 1, 9, 3)]
    )
    assert [row.step for row in found[one]] == [1, 175, 350, 525, 700]
    assert [row.step for row in found[two]] == [7]
    assert found["x"] == []
    assert await ledger_timeline.steps(ledger.reader, []) == {}


async def test_a_sub_agent_of_another_group_is_not_found(ledger: Ledger) -> None:
    history = await written(ledger, 3, 30)
    for lost in ("other-1", "a\x00b", "'; --"):
        with pytest.raises(NotFound):
            await drawn(ledger, history.world.group, agents=(lost,))
