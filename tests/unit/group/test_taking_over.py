"""Taking over: now, after this step, taken back."""

from __future__ import annotations

import pytest

from clawgroups.errors import StaleEpoch
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, CallStatus, Fate, RequestKind, WaitReason
from tests.unit.group.scene import ANN, CHILD, Scene, call, run


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct()
    return scene


def test_the_epoch_rises_before_anybody_is_told_to_stop(scene: Scene) -> None:
    (taken,) = scene.must(cmd.TakeOver(agent=CHILD), ANN)
    assert isinstance(taken, ev.TakenOver)
    assert (taken.epoch, taken.member, taken.former) == (2, ANN, "model")
    assert scene.asked(fx.Stop) == [fx.Stop(CHILD, 1)]
    assert scene.agent().status is AgentStatus.HANDING_OVER


def test_from_the_take_over_on_the_old_driver_is_refused_and_its_words_are_kept_aside(scene: Scene) -> None:
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    late = scene.refused(cmd.RecordStep(agent=CHILD, epoch=1, step=1, content="too late"), "model")
    assert isinstance(late, StaleEpoch)
    assert (late.rule, late.state, late.epoch, late.driver) == ("alone", "handing_over", 2, ANN)
    scene.must(cmd.KeepLateWrite(agent=CHILD, epoch=1, what="step", content="too late", by="model"), "dispatcher")
    assert scene.happened(ev.LateWriteKept)[0].content == "too late"
    assert scene.agent().step == 0


def test_the_person_writes_only_when_the_old_drivers_stop_is_proved(scene: Scene) -> None:
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    early = scene.refused(cmd.RecordStep(agent=CHILD, epoch=2, content="mine", final=False), ANN)
    assert (early.rule, early.state) == ("alone", "handing_over")
    assert "not proved" in early.sentence
    scene.stop(partial="half a sen")
    assert scene.asked(fx.Drive) == [fx.Drive(CHILD)]
    assert scene.happened(ev.DriverStopped)[0].partial == "half a sen"
    scene.turn(CHILD, words="mine", final=False)
    assert scene.happened(ev.StepCommitted, CHILD)[-1].by == ANN


def test_every_call_in_flight_gets_an_honest_fate(scene: Scene) -> None:
    scene.turn(CHILD, *(call("edit", id=name) for name in "abcd"))
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    ends = [cmd.CallEnd("a", Fate.DONE, "written"), cmd.CallEnd("b", Fate.NOT_STARTED), cmd.CallEnd("c", Fate.UNKNOWN)]
    scene.stop(CHILD, *ends)
    fates = {event.call: event.fate for event in scene.happened(ev.CallClosed, CHILD)}
    silent_is_unknown = Fate.UNKNOWN
    assert fates == {"a": Fate.DONE, "b": Fate.NOT_STARTED, "c": Fate.UNKNOWN, "d": silent_is_unknown}
    assert scene.agent().calls == ()


def test_a_result_that_comes_after_the_take_over_is_refused(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    late = scene.refused(cmd.RecordResult(agent=CHILD, epoch=1, call="edit", ok=True, content="x"), "runner")
    assert late.rule == "alone"


def test_after_this_step_the_driver_finishes_its_calls_first(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    scene.must(cmd.TakeOver(agent=CHILD, after_step=True), ANN)
    assert (scene.agent().asked_by, scene.agent().epoch) == (ANN, 1)
    scene.result("edit")
    assert scene.agent().status is AgentStatus.HANDING_OVER
    assert scene.agent().epoch == 2
    assert scene.asked(fx.Proceed) == []
    assert scene.happened(ev.CallClosed, CHILD)[0].fate is Fate.DONE


def test_after_this_step_goes_before_the_end_of_the_task(scene: Scene) -> None:
    scene.must(cmd.TakeOver(agent=CHILD, after_step=True), ANN)
    scene.turn(CHILD)
    assert scene.agent().status is AgentStatus.HANDING_OVER
    scene.stop()
    assert scene.agent().driver is not None
    assert scene.agent().driver.member == ANN
    assert not scene.agent().final


def test_a_take_over_after_this_step_can_be_withdrawn_by_who_asked(scene: Scene) -> None:
    scene.must(cmd.TakeOver(agent=CHILD, after_step=True), ANN)
    twice = scene.refused(cmd.TakeOver(agent=CHILD, after_step=True))
    assert (twice.rule, "Ann" in twice.sentence) == ("one_driver", True)
    scene.must(cmd.WithdrawTakeOver(agent=CHILD), ANN)
    scene.turn(CHILD, call("ghost"))
    assert scene.agent().driver is not None
    assert scene.agent().driver.member == "model"
    assert scene.refused(cmd.WithdrawTakeOver(agent=CHILD), ANN).rule == "withdraw"


def test_only_who_asked_withdraws(scene: Scene) -> None:
    scene.must(cmd.TakeOver(agent=CHILD, after_step=True))
    assert scene.refused(cmd.WithdrawTakeOver(agent=CHILD), ANN).rule == "withdraw"


def test_two_people_cannot_both_hold_the_wheel(scene: Scene) -> None:
    scene.take()
    second = scene.refused(cmd.TakeOver(agent=CHILD))
    assert (second.rule, second.state) == ("one_driver", "driving")
    assert "Ann holds the wheel" in second.sentence
    assert scene.refused(cmd.TakeOver(agent=CHILD), ANN).rule == "take_over"


def test_only_a_person_takes_over(scene: Scene) -> None:
    assert scene.refused(cmd.TakeOver(agent=CHILD), "program").rule == "person"


def test_a_call_that_waits_for_leave_waits_for_the_person_too_and_needs_no_old_driver(scene: Scene) -> None:
    scene.turn(CHILD, run())
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    answer = cmd.AnswerRequest(request=scene.request(RequestKind.APPROVAL).id, decision="approve")
    early = scene.refused(answer)
    assert early.rule == "alone", "a call approved now could reach the driver that is being stopped"
    scene.stop()
    scene.must(answer)
    assert scene.asked(fx.Release) == [fx.Release(CHILD, "run")]
    scene.result("run")
    assert scene.happened(ev.CallClosed, CHILD)[-1].fate is Fate.DONE


def test_what_a_person_calls_needs_no_further_leave(scene: Scene) -> None:
    scene.take()
    scene.turn(CHILD, run())
    assert scene.group.requests == {}
    assert scene.agent().calls[0].status is CallStatus.RELEASED


def test_a_queued_sub_agent_is_taken_without_waiting_for_anybody() -> None:
    scene = Scene()
    scene.must(cmd.TakeOver(agent="g-1"), ANN)
    assert scene.agent("g-1").status is AgentStatus.DRIVING
    assert scene.asked(fx.Drive) == [fx.Drive("g-1")]


def test_taking_over_ends_what_it_waited_for() -> None:
    scene = Scene()
    scene.conduct({"acceptance": "good"})
    scene.turn()
    assert scene.agent().wait is WaitReason.REVIEW
    scene.take()
    assert scene.agent().wait is WaitReason.NONE
    assert scene.group.requests == {}
    assert scene.agent().status is AgentStatus.DRIVING
