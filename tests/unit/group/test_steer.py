"""Steering: words are queued, and delivered at the next step boundary."""

from __future__ import annotations

import pytest

from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus
from tests.unit.group.scene import ANN, CHILD, Scene, call


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct()
    return scene


def test_words_wait_for_the_end_of_the_step_and_reach_the_thread_before_the_next_turn(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    scene.must(cmd.SteerAgent(agent=CHILD, text="left"), ANN)
    scene.must(cmd.SteerAgent(agent=CHILD, text="then right"))
    assert [steer.text for steer in scene.agent().steers] == ["left", "then right"]
    assert scene.happened(ev.SteerDelivered) == []
    scene.result("edit")
    assert [(event.text, event.by) for event in scene.happened(ev.SteerDelivered)] == [
        ("left", ANN), ("then right", "you"),
    ]  # fmt: skip
    assert scene.agent().steers == ()
    assert [tell.entry.content for tell in scene.asked(fx.Tell)] == ["left", "then right"]
    assert isinstance(scene.effects[-1], fx.Proceed), "only then comes the next turn"


def test_words_that_wait_keep_a_task_from_ending(scene: Scene) -> None:
    scene.must(cmd.SteerAgent(agent=CHILD, text="not yet"))
    scene.turn(CHILD)
    assert scene.agent().status is AgentStatus.DRIVING
    assert not scene.agent().final
    scene.turn(CHILD, words="now")
    assert scene.happened(ev.AgentFinished)[0].result == "now"


def test_a_person_at_the_wheel_reads_them_at_once_between_two_steps(scene: Scene) -> None:
    scene.take()
    scene.must(cmd.SteerAgent(agent=CHILD, text="left"))
    assert [event.text for event in scene.happened(ev.SteerDelivered)] == ["left"]


def test_what_is_queued_or_paused_gets_them_when_it_goes_on() -> None:
    scene = Scene()
    scene.must(cmd.SteerAgent(agent="g-1", text="left"))
    assert scene.happened(ev.SteerDelivered) == []
    scene.launch("g-1")
    assert [event.text for event in scene.happened(ev.SteerDelivered)] == ["left"]


def test_nothing_is_said_to_the_dead_and_nothing_empty(scene: Scene) -> None:
    assert isinstance(scene.error(cmd.SteerAgent(agent=CHILD, text="  ")), Invalid)
    scene.turn(CHILD)
    over = scene.refused(cmd.SteerAgent(agent=CHILD, text="left"))
    assert (over.rule, over.state) == ("steer", "done")
    assert "Fork it" in over.hint
