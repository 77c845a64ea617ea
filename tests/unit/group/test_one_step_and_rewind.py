"""A person lets the agent do exactly one step, and a fork takes the place of a sub-agent."""

from __future__ import annotations

import pytest

from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, RequestKind
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call, run

ONE = cmd.HandBack(agent=CHILD, note="one", record="r", one_step=True, lease_ms=5_000)


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct()
    scene.turn(CHILD, call("ghost", id="a"))
    scene.take()
    return scene


def test_after_exactly_one_step_the_person_has_the_wheel_again(scene: Scene) -> None:
    back, asked = scene.must(ONE, ANN)
    assert isinstance(back, ev.HandedBack)
    assert isinstance(asked, ev.TakeOverAsked)
    assert (scene.agent().driver.member, scene.agent().asked_by) == ("model", ANN)  # type: ignore[union-attr]
    scene.turn(CHILD, call("edit"))
    assert not scene.agent().driven_by_person, "its call still runs: the step is not over"
    scene.result("edit")
    assert scene.asked(fx.Proceed) == [], "a second turn would be a second step"
    (taken,) = scene.happened(ev.TakenOver)[-1:]
    assert (taken.member, taken.former) == (ANN, "model")
    scene.stop()
    agent = scene.agent()
    assert agent.driven_by_person
    assert agent.driver is not None
    assert agent.driver.lease_ms == 5_000
    assert agent.step == 2


def test_a_last_turn_does_not_end_the_task_over_the_head_of_who_waits_for_the_wheel(scene: Scene) -> None:
    scene.must(ONE, ANN)
    scene.turn(CHILD, words="I am done.")
    scene.stop()
    assert (scene.agent().status, scene.agent().driven_by_person) == (AgentStatus.DRIVING, True)


def test_a_driver_that_fails_in_its_one_step_gives_the_wheel_back(scene: Scene) -> None:
    scene.must(ONE, ANN)
    scene.fail()
    assert scene.agent().driven_by_person


def test_a_call_that_asks_in_that_step_is_answered_before_the_wheel_comes_back(scene: Scene) -> None:
    scene.must(ONE, ANN)
    scene.turn(CHILD, run())
    assert scene.agent().status is AgentStatus.WAITING
    scene.answer(RequestKind.APPROVAL, "deny")
    assert scene.agent().driver is not None
    assert scene.agent().driver.member == ANN


def test_it_is_for_the_driver_themselves_and_for_an_agent(scene: Scene) -> None:
    assert scene.refused(ONE).rule == "for_one_step", "an admin hands back for another, but takes no wheel for them"
    person = cmd.HandBack(agent=CHILD, to="you", one_step=True)
    assert scene.refused(person, ANN).sentence == "You is a person."


def test_a_rewind_answers_the_call_that_its_origin_was_to_answer(scene: Scene) -> None:
    scene.must(cmd.ForkAgent(agent=CHILD, step=0, instead=True), ANN)
    fork = scene.agent("g-3")
    assert (fork.parent, fork.parent_call, fork.forked_step) == (CONDUCTOR, "t0", 0)
    assert scene.agent().status is AgentStatus.CANCELLED
    assert scene.asked(fx.Stop) == [fx.Stop(CHILD, 2)], "whoever drove is stopped, and has to prove it"
    assert scene.agent(CONDUCTOR).call("t0") is not None, "its conductor hears nothing of an end"
    assert not scene.agent(CONDUCTOR).steers
    scene.launch("g-3")
    scene.turn("g-3", words="the better result")
    (closed,) = [e for e in scene.happened(ev.CallClosed, CONDUCTOR) if e.call == "t0"]
    assert (closed.content, closed.by) == ("the better result", "g-3")


def test_the_children_of_what_is_rewound_go_on_under_its_parent(scene: Scene) -> None:
    scene.must(cmd.CreateAgent(name="deep", task="more", member="model", parent=CHILD))
    scene.must(cmd.ForkAgent(agent=CHILD, step=1, instead=True), ANN)
    assert (scene.agent("g-3").parent, scene.agent("g-3").status) == (CONDUCTOR, AgentStatus.QUEUED)


def test_what_has_ended_or_conducts_cannot_be_rewound(scene: Scene) -> None:
    root = scene.refused(cmd.ForkAgent(agent=CONDUCTOR, step=0, instead=True), ANN)
    assert root.rule == "rewind"
    scene.must(cmd.CancelAgent(agent=CHILD))
    ended = scene.refused(cmd.ForkAgent(agent=CHILD, step=0, instead=True), ANN)
    assert (ended.rule, ended.hint) == ("rewind", "Fork it.")


def test_what_others_wait_to_follow_cannot_be_rewound() -> None:
    scene = Scene()
    scene.conduct({}, {"depends_on": ["w-002"]})
    refused = scene.refused(cmd.ForkAgent(agent=CHILD, step=0, instead=True), ANN)
    assert (refused.rule, refused.hint) == ("rewind", "Cancel w-003 first.")
