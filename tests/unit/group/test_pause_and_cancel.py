"""Pausing, resuming and cancelling, of one sub-agent and of everybody."""

from __future__ import annotations

import pytest

from clawgroups.errors import NotFound
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, Fate, GroupStatus, RequestKind
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call, run


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct({"title": "first"}, {"title": "second"})
    return scene


def test_a_pause_comes_at_the_end_of_the_step_and_the_seat_is_given_up(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    scene.must(cmd.PauseAgent(agent=CHILD))
    assert scene.agent().status is AgentStatus.DRIVING
    assert scene.refused(cmd.PauseAgent(agent=CHILD)).sentence == "w-002 is pausing already."
    scene.result("edit")
    assert (scene.agent().status, scene.agent().epoch) == (AgentStatus.PAUSED, 2)
    assert scene.asked(fx.Stop) == [fx.Stop(CHILD, 1)]


def test_a_pause_can_be_taken_back_before_it_comes(scene: Scene) -> None:
    scene.must(cmd.PauseAgent(agent=CHILD))
    scene.must(cmd.ResumeAgent(agent=CHILD))
    scene.turn(CHILD, call("ghost"))
    assert scene.agent().status is AgentStatus.DRIVING


def test_it_resumes_only_when_its_driver_is_proved_to_have_stopped(scene: Scene) -> None:
    scene.must(cmd.PauseAgent(agent=CHILD))
    scene.turn(CHILD, call("ghost"))
    early = scene.refused(cmd.ResumeAgent(agent=CHILD))
    assert (early.rule, early.state, early.hint) == ("resume", "paused", "Wait a moment.")
    scene.stop()
    scene.must(cmd.ResumeAgent(agent=CHILD))
    scene.launch()
    assert scene.agent().epoch == 3


def test_what_waits_for_a_review_stands_still_already() -> None:
    scene = Scene()
    scene.conduct({"acceptance": "good"})
    scene.turn(CHILD)
    still = scene.refused(cmd.PauseAgent(agent=CHILD))
    assert (still.rule, still.state) == ("pause", "waiting")
    scene.answer(RequestKind.REVIEW, "accept")
    assert scene.agent().status is AgentStatus.DONE


def test_a_paused_group_stops_everybody_at_their_boundary_and_launches_nobody(scene: Scene) -> None:
    scene.must(cmd.PauseGroup())
    scene.turn(CHILD, call("ghost"))
    assert (scene.agent().status, scene.agent().paused_by) == (AgentStatus.PAUSED, "group")
    scene.must(cmd.CreateAgent(name="extra", task="x", member="model"))
    not_now = scene.refused(cmd.Launch(agent="g-4"), "dispatcher")
    assert (not_now.rule, not_now.state) == ("launch", "paused")


def test_when_the_group_resumes_nobody_begins_beside_a_driver_that_has_not_stopped_yet(scene: Scene) -> None:
    scene.must(cmd.PauseGroup())
    scene.turn(CHILD, call("ghost"))
    scene.must(cmd.ResumeGroup())
    assert scene.agent().status is AgentStatus.QUEUED
    early = scene.refused(cmd.Launch(agent=CHILD), "dispatcher")
    assert (early.rule, early.state) == ("alone", "queued")
    scene.stop()
    scene.launch()
    assert scene.agent().status is AgentStatus.DRIVING


def test_who_was_paused_by_a_person_stays_paused_when_the_group_resumes(scene: Scene) -> None:
    scene.must(cmd.PauseAgent(agent=CHILD))
    scene.turn(CHILD, call("ghost"))
    scene.must(cmd.PauseGroup())
    scene.must(cmd.ResumeGroup())
    assert scene.agent().status is AgentStatus.PAUSED
    assert scene.refused(cmd.ResumeGroup()).rule == "resume"


def test_a_cancelled_child_answers_the_conductors_wait(scene: Scene) -> None:
    scene.turn("g-3", words="second is done")
    scene.must(cmd.CancelAgent(agent=CHILD), ANN)
    assert scene.agent().status is AgentStatus.CANCELLED
    fates = {event.call: (event.fate, event.content) for event in scene.happened(ev.CallClosed, CONDUCTOR)}
    assert fates["t0"] == (Fate.FAILED, "w-002 was cancelled by ann.")
    assert fates["t1"] == (Fate.DONE, "second is done")
    assert scene.asked(fx.Proceed) == [fx.Proceed(CONDUCTOR)]
    assert scene.asked(fx.Stop) == [fx.Stop(CHILD, 1)]


def test_calls_of_a_cancelled_one_end_honestly(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"), run())
    scene.must(cmd.CancelAgent(agent=CHILD))
    scene.stop(CHILD, cmd.CallEnd("edit", Fate.DONE, "written"))
    fates = {event.call: event.fate for event in scene.happened(ev.CallClosed, CHILD)}
    assert fates == {"run": Fate.NOT_STARTED, "edit": Fate.DONE}


def test_cancelling_the_conductor_ends_its_children_and_the_group(scene: Scene) -> None:
    scene.must(cmd.CancelAgent(agent=CONDUCTOR))
    assert {agent.status for agent in scene.group.agents.values()} == {AgentStatus.CANCELLED}
    assert scene.group.status is GroupStatus.FINISHED
    assert scene.group.requests == {}


def test_children_can_be_handed_up_instead(scene: Scene) -> None:
    scene.must(cmd.CancelAgent(agent=CONDUCTOR, hand_up=True))
    assert scene.agent().status is AgentStatus.DRIVING
    assert (scene.agent().parent, scene.agent().parent_call) == ("", "")
    scene.turn(CHILD)
    scene.turn("g-3")
    assert scene.group.status is GroupStatus.FINISHED


def test_cancelling_reaches_those_whose_parent_has_ended_before() -> None:
    scene = Scene()
    scene.conduct({})
    scene.must(cmd.CreateAgent(name="extra", task="x", member="model", parent=CHILD))
    scene.launch("g-3")
    scene.turn(CHILD)
    scene.must(cmd.CancelAgent(agent=CONDUCTOR))
    assert scene.agent("g-3").status is AgentStatus.CANCELLED


def test_a_parent_must_exist_and_live(scene: Scene) -> None:
    made = cmd.CreateAgent(name="extra", task="x", member="model", parent="g-9")
    assert isinstance(scene.error(made), NotFound)
    scene.turn(CHILD)
    over = scene.refused(cmd.CreateAgent(name="extra", task="x", member="model", parent=CHILD))
    assert (over.rule, over.state) == ("create_agent", "done")


def test_a_cancelled_group_is_over_for_everybody(scene: Scene) -> None:
    scene.turn(CHILD, run())
    scene.must(cmd.CancelGroup())
    assert scene.group.status is GroupStatus.CANCELLED
    assert all(agent.ended for agent in scene.group.agents.values())
    assert scene.group.requests == {}
    again = scene.refused(cmd.CancelGroup())
    assert (again.rule, again.state) == ("cancel", "cancelled")
