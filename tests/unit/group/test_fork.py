"""Forking from a step."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, GroupStatus, WaitReason
from tests.unit.group.scene import CHILD, CONDUCTOR, Scene, call


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct()
    scene.turn(CHILD, call("ghost", id="a"))
    scene.turn(CHILD, call("ghost", id="b", n=2))
    return scene


def test_a_fork_is_a_new_sub_agent_that_continues_the_numbering_from_its_step(scene: Scene) -> None:
    (made,) = scene.must(cmd.ForkAgent(agent=CHILD, step=1))
    assert isinstance(made, ev.AgentCreated)
    assert (made.forked_from, made.forked_step, made.member, made.parent) == (CHILD, 1, "model", CONDUCTOR)
    assert (scene.agent("g-3").status, scene.agent("g-3").step) == (AgentStatus.QUEUED, 1)
    scene.launch("g-3")
    scene.turn("g-3", call("ghost"))
    assert scene.happened(ev.StepCommitted, "g-3")[0].step == 2
    assert scene.agent().step == 2, "its origin goes on untouched"


def test_a_fork_answers_no_call_of_the_conductor(scene: Scene) -> None:
    scene.must(cmd.ForkAgent(agent=CHILD, step=0, member="program"))
    scene.launch("g-3")
    scene.turn("g-3", words="the fork's result")
    assert scene.agent(CONDUCTOR).call("t0") is not None
    assert [steer.by for steer in scene.agent(CONDUCTOR).steers] == ["g-3"]


def test_what_has_ended_can_be_forked_while_the_group_lives(scene: Scene) -> None:
    scene.turn(CHILD)
    scene.must(cmd.ForkAgent(agent=CHILD, step=3))
    scene.launch("g-3")
    assert scene.agent("g-3").status is AgentStatus.DRIVING


@pytest.mark.parametrize("step", [-1, 3, 99])
def test_there_must_be_such_a_step(scene: Scene, step: int) -> None:
    refused = scene.refused(cmd.ForkAgent(agent=CHILD, step=step))
    assert (refused.rule, refused.state) == ("fork", "driving")
    assert refused.sentence == f"w-002 has steps 0 to 2, not {step}."


def test_a_step_with_open_calls_is_not_over(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    refused = scene.refused(cmd.ForkAgent(agent=CHILD, step=3))
    assert (refused.rule, refused.hint) == ("fork", "Fork from step 2.")
    scene.must(cmd.ForkAgent(agent=CHILD, step=2))


def test_a_fork_has_the_full_number_of_steps_of_its_own(scene: Scene) -> None:
    scene.limit(agent_steps=3)
    scene.must(cmd.ForkAgent(agent=CHILD, step=2))
    scene.launch("g-3")
    scene.turn("g-3", call("ghost"))
    assert scene.agent("g-3").status is AgentStatus.DRIVING


def test_a_fork_opens_a_cancelled_group_again_and_nothing_else_in_it(scene: Scene) -> None:
    scene.must(cmd.CancelGroup())
    scene.stop(CHILD)
    reopened, made = scene.must(cmd.ForkAgent(agent=CHILD, step=1))
    assert isinstance(reopened, ev.GroupReopened)
    assert isinstance(made, ev.AgentCreated)
    assert (scene.group.status, scene.group.ended_at) == (GroupStatus.RUNNING, 0)
    assert [scene.agent(agent).status for agent in (CONDUCTOR, CHILD)] == [AgentStatus.CANCELLED] * 2
    scene.launch("g-3")
    assert scene.agent("g-3").status is AgentStatus.DRIVING


def test_a_finished_group_that_a_fork_has_opened_ends_again_with_it(scene: Scene) -> None:
    scene.turn(CHILD)
    scene.turn(CONDUCTOR)
    first = scene.group.ended_at
    assert scene.group.status is GroupStatus.FINISHED
    scene.at += 5_000
    scene.must(cmd.ForkAgent(agent=CONDUCTOR, step=1))
    assert scene.group.status is GroupStatus.RUNNING
    scene.launch("g-3")
    scene.turn("g-3", words="another end")
    assert (scene.group.status, scene.group.ended_at) == (GroupStatus.FINISHED, first + 5_000)


def test_a_group_that_never_began_begins_with_its_fork() -> None:
    scene = Scene()
    scene.group = replace(scene.group, status=GroupStatus.CANCELLED, started_at=0, ended_at=scene.at)
    scene.must(cmd.ForkAgent(agent=CONDUCTOR, step=0))
    assert (scene.group.status, scene.group.started_at) == (GroupStatus.RUNNING, scene.at)


def test_nothing_but_a_fork_opens_a_group_again(scene: Scene) -> None:
    scene.must(cmd.CancelGroup())
    scene.stop(CHILD)
    assert scene.refused(cmd.CreateAgent(name="x", task="t", member="model")).rule == "create_agent"
    assert scene.refused(cmd.ForkAgent(agent=CHILD, step=99)).rule == "fork"
    assert scene.group.status is GroupStatus.CANCELLED


def test_a_fork_is_reviewed_like_its_origin() -> None:
    scene = Scene()
    scene.conduct({"review": "conductor", "acceptance": "good"})
    scene.must(cmd.ForkAgent(agent=CHILD, step=0))
    scene.launch("g-3")
    scene.turn("g-3", words="another draft")
    assert scene.agent("g-3").wait is WaitReason.REVIEW
    assert "another draft" in scene.agent(CONDUCTOR).steers[-1].text
