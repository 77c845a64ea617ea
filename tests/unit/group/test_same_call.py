"""The same call failing again and again is proof enough to stand still and ask (promise 7)."""

from __future__ import annotations

import pytest

from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.boundary import SAME_FAILURES
from clawgroups.group.state import AgentStatus, RequestKind, WaitReason
from tests.unit.group.scene import CHILD, Scene, call

STALL = RequestKind.STALL


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct()
    return scene


def _try(scene: Scene, *, ok: bool = False, **args: int) -> None:
    scene.turn(CHILD, call("edit", **args))
    scene.result("edit", ok=ok)


def test_a_person_is_asked_when_the_same_call_has_failed_three_times_in_a_row(scene: Scene) -> None:
    for _ in range(SAME_FAILURES - 1):
        _try(scene)
        assert scene.agent().status is AgentStatus.DRIVING
    _try(scene)
    assert (scene.agent().status, scene.agent().wait) == (AgentStatus.WAITING, WaitReason.ANSWER)
    opened = scene.happened(ev.RequestOpened)[-1]
    assert opened.title == "w-002 cannot go on: its call of edit has failed 3 times in a row."
    assert [choice.id for choice in opened.choices] == ["retry", "reassign", "fail"]
    assert scene.asked(fx.Proceed) == []


def test_other_arguments_or_a_success_in_between_begin_anew(scene: Scene) -> None:
    for _ in range(3):
        _try(scene)
        _try(scene)
        _try(scene, n=1)
        _try(scene)
        _try(scene, ok=True)
    assert scene.group.requests == {}


def test_the_same_mistake_several_times_in_one_turn_counts_once(scene: Scene) -> None:
    scene.turn(CHILD, *(call("ghost", id=name) for name in "abcd"))
    assert scene.agent().failing.times == 1
    assert scene.agent().status is AgentStatus.DRIVING


def test_tools_that_do_not_exist_or_are_denied_count_too(scene: Scene) -> None:
    for _ in range(SAME_FAILURES):
        scene.turn(CHILD, call("ghost"))
    assert scene.request(STALL).agent == CHILD


def test_retry_lets_it_go_on_with_a_persons_words_and_a_new_count(scene: Scene) -> None:
    for _ in range(SAME_FAILURES):
        _try(scene)
    scene.answer(STALL, "retry", text="use another path")
    assert [event.text for event in scene.happened(ev.SteerDelivered)] == ["use another path"]
    assert scene.asked(fx.Proceed) == [fx.Proceed(CHILD)]
    assert scene.agent().epoch == 1, "its driver never changed"
    _try(scene)
    assert scene.agent().status is AgentStatus.DRIVING


def test_it_can_be_given_to_another_or_ended(scene: Scene) -> None:
    for _ in range(SAME_FAILURES):
        _try(scene)
    scene.answer(STALL, "reassign", member="program")
    scene.stop()
    assert scene.agent().failing.times == 0
    for _ in range(SAME_FAILURES):
        _try(scene)
    scene.answer(STALL, "fail", text="enough")
    assert scene.agent().status is AgentStatus.FAILED
    assert scene.happened(ev.CallClosed, "g-1")[-1].content == "w-002 failed: enough"


def test_a_person_at_the_wheel_may_fail_as_often_as_they_like(scene: Scene) -> None:
    scene.take()
    for _ in range(2 * SAME_FAILURES):
        _try(scene)
    assert scene.group.requests == {}
    scene.must(cmd.HandBack(agent=CHILD), "ann")
    _try(scene)
    assert scene.agent().status is AgentStatus.DRIVING, "the agent is not blamed for it"
