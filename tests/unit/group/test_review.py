"""A deliverable goes from draft through review to accepted, or back with reasons."""

from __future__ import annotations

import pytest

from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, RequestKind, WaitReason
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene

REVIEW = RequestKind.REVIEW


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct({"acceptance": "It has a table."})
    scene.turn(CHILD, words="a draft")
    return scene


def test_work_with_acceptance_criteria_waits_for_a_person(scene: Scene) -> None:
    assert (scene.agent().status, scene.agent().wait) == (AgentStatus.WAITING, WaitReason.REVIEW)
    assert scene.happened(ev.RequestOpened)[-1].detail == "a draft"
    assert scene.happened(ev.AgentCreated, CHILD)[0].acceptance == "It has a table."
    assert scene.agent(CONDUCTOR).call("t0") is not None, "the conductor hears nothing of a draft"


def test_accepted_work_is_done_and_goes_to_the_conductor(scene: Scene) -> None:
    scene.answer(REVIEW, "accept")
    assert scene.agent().status is AgentStatus.DONE
    assert scene.happened(ev.CallClosed, CONDUCTOR)[-1].content == "a draft"


def test_rejected_work_goes_back_with_the_reasons_and_comes_again(scene: Scene) -> None:
    scene.answer(REVIEW, "reject", text="the table is missing")
    assert "the table is missing" in scene.happened(ev.SteerDelivered)[-1].text
    assert scene.asked(fx.Proceed) == [fx.Proceed(CHILD)]
    assert not scene.agent().final
    scene.turn(CHILD, words="with a table")
    scene.answer(REVIEW, "accept")
    assert scene.happened(ev.AgentFinished)[-1].result == "with a table"


def test_it_is_not_rejected_without_reasons(scene: Scene) -> None:
    assert isinstance(scene.error(cmd.AnswerRequest(request=scene.request(REVIEW).id, decision="reject"), ANN), Invalid)


def test_what_a_person_delivers_is_reviewed_too_and_comes_back_to_them() -> None:
    scene = Scene()
    scene.conduct({"acceptance": "good"})
    scene.take()
    scene.turn(CHILD, words="by hand")
    scene.answer(REVIEW, "reject", person="you", text="try again")
    assert (scene.agent().status, scene.agent().driven_by_person) == (AgentStatus.DRIVING, True)
    assert "try again" in scene.happened(ev.SteerDelivered)[-1].text
    scene.turn(CHILD, words="by hand, better")
    scene.answer(REVIEW, "accept", person="you")
    assert scene.happened(ev.AgentFinished)[-1].result == "by hand, better"


def test_nobody_has_to_sit_at_the_wheel_while_others_review_but_a_new_lease_begins_when_it_comes_back() -> None:
    scene = Scene()
    scene.conduct({"acceptance": "good"})
    scene.take()
    scene.turn(CHILD, words="by hand")
    scene.at += 500_000
    assert scene.refused(cmd.LapseLease(agent=CHILD), "dispatcher").rule == "lease"
    scene.must(cmd.RenewLease(agent=CHILD, epoch=2), ANN)
    scene.at += 500_000
    assert scene.refused(cmd.LapseLease(agent=CHILD), "dispatcher").rule == "lease"
    scene.answer(REVIEW, "reject", person="you", text="try again")
    assert scene.refused(cmd.LapseLease(agent=CHILD), "dispatcher").rule == "lease"
    scene.at += 120_000
    scene.must(cmd.LapseLease(agent=CHILD), "dispatcher")
    assert scene.agent().status is AgentStatus.PAUSED


def test_a_driver_that_dies_during_the_review_is_replaced_when_the_work_comes_back(scene: Scene) -> None:
    scene.fail()
    assert scene.agent().wait is WaitReason.REVIEW
    scene.answer(REVIEW, "reject", text="again")
    assert scene.agent().status is AgentStatus.QUEUED
    scene.launch()
    scene.turn(CHILD, words="better")
    scene.answer(REVIEW, "accept")
    assert scene.happened(ev.AgentFinished)[-1].result == "better"
