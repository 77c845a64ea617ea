"""What the record tells of earlier tasks, on each database: by member, by group, in time, and never without bounds."""

from __future__ import annotations

import pytest
from search_rig import seeded

from clawgroups.ledger import track
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.track import Track


async def test_the_groups_that_were_started_are_told_newest_first(shared: Ledger) -> None:
    groups = await Track(shared.reader).groups()
    ids = [group.id for group in groups]
    assert ids == ["seedbusy", "seedpaused", *(f"seedend{n}" for n in range(6, 0, -1))], "a draft never ran"
    states = {row.id: await shared.reader.load_group(row.id) for row in groups}
    for group in groups:
        state = states[group.id]
        assert (group.template, group.conductor) == (state.template, state.conductor)
        assert group.agents == len(state.agents) - 1


async def test_tasks_are_those_that_are_done_with_what_each_used(shared: Ledger) -> None:
    record = Track(shared.reader)
    groups = [group.id for group in await record.groups()]
    tasks = await record.tasks(groups)
    assert tasks
    known = [
        agent
        for group in groups
        for agent in (await shared.reader.load_group(group)).agents.values()
        if agent.status == "done" and agent.parent
    ]
    assert len(tasks) == len(known)
    assert sum(task.steps for task in tasks) == sum(agent.step for agent in known)
    assert sum(task.tokens_out for task in tasks) == sum(agent.tokens_out for agent in known)
    assert all(task.ms > 0 for task in tasks), "each took some time, from its first driver to its end"


async def test_a_member_and_a_group_narrow_it_and_conducting_is_another_matter(shared: Ledger) -> None:
    record = Track(shared.reader)
    groups = [group.id for group in await record.groups()]
    assert {task.member for task in await record.tasks(groups, member="qwen")} == {"qwen"}
    assert await record.tasks(groups, member="kimi") == [], "it conducts, and does no tasks"
    assert {task.group for task in await record.tasks(["seedend3"])} == {"seedend3"}
    conducted = await record.tasks(groups, conducting=True)
    assert conducted
    assert {task.member for task in conducted} == {"kimi"}
    assert {task.group for task in conducted} <= {group for group in groups if group.startswith("seedend")}


async def test_it_reads_no_more_than_its_bounds(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    await seeded(ledger)
    monkeypatch.setattr(track, "MOST_GROUPS", 3)
    monkeypatch.setattr(track, "MOST_TASKS", 4)
    groups = await Track(ledger.reader).groups()
    assert [group.id for group in groups] == ["seedbusy", "seedpaused", "seedend6"]
    assert len(await Track(ledger.reader).tasks([group.id for group in groups])) == 4


async def test_first_steps_are_found_on_record(shared: Ledger, ledger: Ledger) -> None:
    assert await Track(shared.reader).any_group(started=True)
    assert await Track(shared.reader).any_take_over()
    assert not await Track(ledger.reader).any_group()
    assert not await Track(ledger.reader).any_take_over()
