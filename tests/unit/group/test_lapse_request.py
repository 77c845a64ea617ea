"""A person who went away leaves a request behind: nothing goes on by itself, so somebody has to hear of it."""

from __future__ import annotations

import pytest

from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.state import LEASE_MS, AgentStatus, RequestKind
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene

STALL = RequestKind.STALL


@pytest.fixture
def scene() -> Scene:
    """Ann took the wheel of the child, and went away."""
    scene = Scene()
    scene.conduct()
    scene.take()
    _lapse(scene)
    scene.stop()
    return scene


def _lapse(scene: Scene) -> None:
    scene.at += LEASE_MS
    scene.must(cmd.LapseLease(agent=CHILD), "dispatcher")


def test_it_says_in_words_whose_wheel_ran_out_and_what_can_be_done(scene: Scene) -> None:
    opened = scene.happened(ev.RequestOpened)[-1]
    assert (opened.request_kind, opened.agent, opened.tool) == (STALL, CHILD, "lease_lapsed")
    assert opened.title == f"Ann's wheel of {scene.agent().name} ran out; nobody drives it."
    assert opened.detail.endswith("Whoever goes on with it is told what Ann did.")
    assert [(choice.id, choice.needs) for choice in opened.choices] == [
        ("resume", ""),
        ("take_over", ""),
        ("reassign", "member"),
        ("fail", ""),
    ]


def test_let_go_on_it_is_driven_by_its_own_member_which_is_told_what_the_person_did(scene: Scene) -> None:
    scene.answer(STALL, "resume", epoch=scene.agent().epoch, record="Ann wrote a file.")
    assert scene.happened(ev.AgentResumed)[-1].record == "Ann wrote a file."
    scene.launch()
    driver = scene.agent().driver
    assert driver is not None
    assert driver.member == "model"


def test_a_record_that_is_no_longer_true_lets_nothing_go_on(scene: Scene) -> None:
    request = scene.request(STALL).id
    late = cmd.AnswerRequest(request=request, decision="resume", epoch=scene.agent().epoch - 1, record="old")
    assert scene.refused(late).rule == "alone"
    assert scene.request(STALL).id == request


def test_who_answers_may_take_the_wheel(scene: Scene) -> None:
    request = cmd.AnswerRequest(request=scene.request(STALL).id, decision="take_over", lease_ms=7_000)
    scene.must(request, LOCAL_ADMIN)
    driver = scene.agent().driver
    assert driver is not None
    assert (driver.member, driver.lease_until - scene.at) == (LOCAL_ADMIN, 7_000)


def test_it_may_be_given_to_another(scene: Scene) -> None:
    scene.answer(STALL, "reassign", member="program", record="Ann wrote a file.")
    driver = scene.agent().driver
    assert driver is not None
    assert driver.member == "program"
    assert "Ann wrote a file." in scene.happened(ev.Briefed)[-1].text


def test_it_may_be_ended_and_its_parent_hears_of_it(scene: Scene) -> None:
    scene.answer(STALL, "fail")
    assert scene.agent().status is AgentStatus.CANCELLED
    assert not scene.agent(CONDUCTOR).calls, "the conductor waits for it no longer"


@pytest.mark.parametrize("decision", ["retry", "approve", "leave"])
def test_what_answers_other_requests_does_not_answer_this(scene: Scene, decision: str) -> None:
    answer = cmd.AnswerRequest(request=scene.request(STALL).id, decision=decision)
    assert scene.error(answer).hint == "Choose one of: resume, take_over, reassign, fail."


@pytest.mark.parametrize(
    "command",
    [
        cmd.ResumeAgent(agent=CHILD),
        cmd.TakeOver(agent=CHILD),
        cmd.Reassign(agent=CHILD, to="program"),
        cmd.CancelAgent(agent=CHILD),
        cmd.ForkAgent(agent=CHILD, step=0, instead=True),
    ],
    ids=["resumed", "taken over", "reassigned", "cancelled", "rewound"],
)
def test_it_closes_by_itself_when_somebody_decides_in_another_way(scene: Scene, command: cmd.Command) -> None:
    request = scene.request(STALL).id
    scene.must(command)
    assert scene.group.requests == {}
    assert scene.happened(ev.RequestWithdrawn)[-1].request == request


def test_a_lapse_before_the_old_driver_has_stopped_is_told_too_and_can_be_answered_after_the_proof() -> None:
    scene = Scene()
    scene.conduct()
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    _lapse(scene)
    early = cmd.AnswerRequest(request=scene.request(STALL).id, decision="resume")
    assert scene.refused(early).rule == "resume"
    scene.stop()
    scene.must(early)
    assert scene.agent().status is AgentStatus.QUEUED


def test_a_person_who_lost_their_own_task_is_not_told_what_they_did_themselves() -> None:
    scene = Scene()
    scene.conduct({"member": ANN})
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    _lapse(scene)
    assert "is told what" not in scene.happened(ev.RequestOpened)[-1].detail
    scene.stop()
    scene.answer(STALL, "resume")
    scene.launch()
    assert scene.request(RequestKind.TASK).tool == ANN, "it is theirs again, and they are asked to come"


def test_a_second_lapse_asks_again(scene: Scene) -> None:
    first = scene.request(STALL).id
    scene.take()
    _lapse(scene)
    assert scene.request(STALL).id != first
