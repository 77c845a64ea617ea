"""A runner is lost, or a driver cannot go on: honest fates, and nothing unknown is run again unasked."""

from __future__ import annotations

import pytest

from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, CallStatus, Fate, RequestKind, WaitReason
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call, run

UNKNOWN = RequestKind.UNKNOWN_FATE


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct()
    return scene


def _closed(scene: Scene) -> dict[str, Fate]:
    return {event.call: event.fate for event in scene.happened(ev.CallClosed, CHILD)}


def test_a_lost_turn_is_taken_anew_at_a_new_epoch(scene: Scene) -> None:
    scene.lose_runner()
    granted = scene.happened(ev.DriverGranted, CHILD)[-1]
    assert (granted.epoch, granted.member, granted.why) == (2, "model", "killed")
    assert scene.refused(cmd.RecordStep(agent=CHILD, epoch=1, content="ghost"), "model").rule == "alone"
    scene.turn(CHILD)


def test_a_safe_call_is_run_again_by_itself(scene: Scene) -> None:
    scene.turn(CHILD, call("read", safe=True))
    scene.lose_runner()
    assert scene.running[CHILD, 2] == {"read"}
    assert scene.group.requests == {}
    scene.result("read")
    assert _closed(scene) == {"read": Fate.DONE}


def test_a_call_that_is_not_safe_waits_for_a_person(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    scene.lose_runner()
    assert (scene.agent().status, scene.agent().calls[0].status) == (AgentStatus.WAITING, CallStatus.UNKNOWN)
    assert scene.running.get((CHILD, 2), set()) == set()
    assert scene.request(UNKNOWN).call == "edit"


@pytest.mark.parametrize(
    ("decision", "fate", "content"),
    [("leave", Fate.UNKNOWN, "Look before you do it again."), ("supply", Fate.DONE, "it had worked")],
)
def test_a_person_says_what_became_of_it(scene: Scene, decision: str, fate: Fate, content: str) -> None:
    scene.turn(CHILD, call("edit"))
    scene.lose_runner()
    scene.answer(UNKNOWN, decision, text=content if decision == "supply" else "")
    assert _closed(scene) == {"edit": fate}
    assert content in scene.happened(ev.CallClosed, CHILD)[0].content
    assert scene.asked(fx.Proceed) == [fx.Proceed(CHILD)]


def test_a_person_has_it_run_again_and_that_allows_nothing_else(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    scene.lose_runner()
    scene.answer(UNKNOWN, "run_again", scope="group")
    assert scene.asked(fx.Release) == [fx.Release(CHILD, "edit")]
    assert scene.group.policies == {}
    scene.result("edit")
    assert _closed(scene) == {"edit": Fate.DONE}


def test_a_persons_call_is_never_run_again_unasked_and_they_keep_the_wheel(scene: Scene) -> None:
    scene.take()
    scene.turn(CHILD, call("read", safe=True))
    scene.lose_runner()
    assert _closed(scene) == {"read": Fate.UNKNOWN}
    assert (scene.agent().driven_by_person, scene.agent().epoch, scene.agent().seat) == (True, 2, 2)


def test_a_loss_during_a_hand_over_is_the_proof_of_the_stop(scene: Scene) -> None:
    scene.turn(CHILD, call("read", safe=True))
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    scene.lose_runner()
    assert _closed(scene) == {"read": Fate.UNKNOWN}
    assert scene.agent().status is AgentStatus.DRIVING
    assert scene.agent().driven_by_person


def test_a_loss_told_twice_is_a_loss_once(scene: Scene) -> None:
    scene.lose_runner()
    assert scene.must(cmd.LoseSeat(agent=CHILD, epoch=1, reason="killed"), "dispatcher") == ()


def test_what_waits_for_children_goes_on_waiting_after_a_loss(scene: Scene) -> None:
    scene.lose_runner()
    assert scene.agent(CONDUCTOR).wait is WaitReason.CHILDREN
    scene.turn(CHILD, words="found")
    assert scene.asked(fx.Proceed) == [fx.Proceed(CONDUCTOR)]


def test_a_wish_for_the_wheel_or_a_pause_is_served_at_a_loss(scene: Scene) -> None:
    scene.must(cmd.TakeOver(agent=CHILD, after_step=True), ANN)
    scene.lose_runner()
    assert scene.agent().driven_by_person
    scene = Scene()
    scene.conduct()
    scene.must(cmd.PauseAgent(agent=CHILD))
    scene.lose_runner()
    assert scene.agent().status is AgentStatus.PAUSED


def test_a_rate_limit_requeues_the_same_sub_agent_with_growing_patience(scene: Scene) -> None:
    waits = []
    for _ in range(3):
        scene.fail(reason="rate_limit")
        waits.append(scene.agent().not_before - scene.at)
        early = scene.refused(cmd.Launch(agent=CHILD), "dispatcher")
        assert (early.rule, early.state) == ("backoff", "queued")
        scene.at = scene.agent().not_before
        scene.launch()
    assert waits == [2_000, 4_000, 8_000]
    scene.turn(CHILD, call("ghost"))
    assert scene.agent().attempts == 0


@pytest.mark.parametrize(("asked", "waited"), [(7.0, 7_000), (10.0**12, 3_600_000), (-5.0, 0)])
def test_the_provider_says_how_long_to_wait_within_reason(scene: Scene, asked: float, waited: int) -> None:
    scene.fail(reason="rate_limit", retry_after=asked)
    assert scene.agent().not_before - scene.at == waited


def test_what_cannot_be_mended_by_waiting_is_asked_and_tried_again_on_a_persons_word(scene: Scene) -> None:
    scene.fail(hint="Set the key.")
    opened = scene.happened(ev.RequestOpened)[-1]
    assert (opened.request_kind, opened.detail, opened.tool) == (RequestKind.STALL, "Set the key.", "auth")
    assert scene.refused(cmd.Launch(agent=CHILD), "dispatcher").rule == "launch"
    scene.answer(RequestKind.STALL, "retry", text="I have set it")
    scene.launch()
    assert [event.text for event in scene.happened(ev.SteerDelivered)] == ["I have set it"]
    scene.turn(CHILD)


def test_a_seat_that_breaks_in_the_middle_of_a_call_leaves_an_unknown_fate_not_a_second_run(scene: Scene) -> None:
    scene.turn(CHILD, call("edit", id="unsafe"), call("read", id="safe", safe=True), run(id="asked"))
    scene.fail(reason="failed")
    assert scene.agent().calls[0].status is CallStatus.UNKNOWN
    scene.answer(RequestKind.STALL, "retry")
    scene.launch()
    assert scene.running[CHILD, 2] == {"safe"}


def test_a_persons_broken_seat_is_given_again_and_they_keep_the_wheel(scene: Scene) -> None:
    scene.take()
    scene.fail(reason="timeout")
    assert scene.agent().driven_by_person, "never silently back to the agent"
    scene.answer(RequestKind.STALL, "retry")
    assert scene.asked(fx.Drive) == [fx.Drive(CHILD)]
    scene.turn(CHILD, words="on", final=False)


def test_a_failed_report_of_a_driver_that_was_replaced_is_refused(scene: Scene) -> None:
    scene.take()
    late = cmd.ReportFailure(agent=CHILD, epoch=1, reason="auth", sentence="x")
    assert scene.refused(late, "runner").rule == "alone"


def test_a_proof_of_a_stop_that_nobody_asked_for_is_refused(scene: Scene) -> None:
    unasked = scene.refused(cmd.ReportStopped(agent=CHILD, epoch=1), "runner")
    assert (unasked.rule, unasked.state) == ("stop", "driving")
    assert scene.refused(cmd.ReportStopped(agent=CHILD, epoch=7), "runner").rule == "stop"
