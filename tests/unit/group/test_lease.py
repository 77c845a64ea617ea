"""Leases: a person who goes away loses the wheel to a pause, never to a silent resume."""

from __future__ import annotations

import pytest

from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.evolve import evolve
from clawgroups.group.rules_lease import is_lapse
from clawgroups.group.state import AgentStatus, RequestKind
from clawgroups.ledger.transcript import entries_of
from tests.unit.group.scene import ANN, CHILD, Scene, call

LEASE = 120_000


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct()
    scene.take()
    return scene


def _lapse(scene: Scene) -> None:
    scene.must(cmd.LapseLease(agent=CHILD), "dispatcher")


def test_a_lease_that_ran_out_pauses_and_nobody_goes_on_by_itself(scene: Scene) -> None:
    scene.at += LEASE
    _lapse(scene)
    at = scene.agent()
    assert (at.status, at.driver, at.epoch) == (AgentStatus.PAUSED, None, 3)
    assert scene.asked(fx.Stop) == [fx.Stop(CHILD, 2)]
    assert scene.refused(cmd.Launch(agent=CHILD), "dispatcher").rule == "launch"
    assert scene.refused(cmd.RecordStep(agent=CHILD, epoch=2, content="I am back"), ANN).rule == "alone"


def test_only_a_persons_word_resumes_it(scene: Scene) -> None:
    scene.at += LEASE
    _lapse(scene)
    scene.stop()
    scene.must(cmd.ResumeAgent(agent=CHILD))
    scene.launch()
    assert scene.agent().driver is not None
    assert scene.agent().driver.member == "model"


def test_it_does_not_go_on_before_it_was_told_what_the_person_did(scene: Scene) -> None:
    scene.at += LEASE
    _lapse(scene)
    scene.stop()
    assert scene.agent().untold
    _, resumed = scene.must(cmd.ResumeAgent(agent=CHILD, epoch=3, record="Ann wrote a file."))
    assert isinstance(resumed, ev.AgentResumed)
    assert [entry.content for entry in entries_of(1, 1, resumed)] == ["Ann wrote a file."]
    assert (scene.agent().untold, scene.agent().former) == (False, "")


def test_the_rules_tell_the_least_when_nobody_else_does(scene: Scene) -> None:
    scene.at += LEASE
    _lapse(scene)
    scene.stop()
    _, resumed = scene.must(cmd.ResumeAgent(agent=CHILD))
    assert isinstance(resumed, ev.AgentResumed)
    assert resumed.record.startswith("Ann drove in between.")


def test_a_record_of_another_epoch_does_not_fit(scene: Scene) -> None:
    scene.at += LEASE
    _lapse(scene)
    scene.stop()
    assert scene.refused(cmd.ResumeAgent(agent=CHILD, epoch=2, record="old")).rule == "alone"


def test_a_reassignment_after_a_lapse_tells_it_too(scene: Scene) -> None:
    scene.at += LEASE
    _lapse(scene)
    scene.stop()
    scene.must(cmd.Reassign(agent=CHILD, to="program"))
    assert "Ann drove in between." in scene.happened(ev.Briefed)[-1].text
    assert not scene.agent().untold


def test_a_lapse_of_an_earlier_version_still_means_what_it_meant(scene: Scene) -> None:
    old = ev.decode("lease_lapsed", '{"kind":"lease_lapsed","agent":"g-2","epoch":3,"member":"ann"}')
    after = evolve(scene.group, ev.Recorded(1, 1, "dispatcher", CHILD, 3, "lease_lapsed", old)).agents[CHILD]
    assert (after.status, after.untold) == (AgentStatus.PAUSED, False)


def test_the_person_can_take_it_again(scene: Scene) -> None:
    scene.at += LEASE
    _lapse(scene)
    scene.stop()
    scene.take()
    assert scene.agent().driven_by_person


def test_no_lease_runs_out_early(scene: Scene) -> None:
    scene.at += LEASE - 1
    assert scene.refused(cmd.LapseLease(agent=CHILD), "dispatcher").rule == "lease"


def test_a_sign_of_life_renews_it_and_is_written_only_when_half_is_used(scene: Scene) -> None:
    scene.at += 10_000
    assert scene.must(cmd.RenewLease(agent=CHILD, epoch=2), ANN) == ()
    scene.at += 60_000
    (renewed,) = scene.must(cmd.RenewLease(agent=CHILD, epoch=2), ANN)
    assert isinstance(renewed, ev.LeaseRenewed)
    assert renewed.lease_until == scene.at + LEASE


def test_working_is_a_sign_of_life(scene: Scene) -> None:
    scene.at += 100_000
    scene.turn(CHILD, call("ghost"))
    scene.at += 100_000
    assert scene.refused(cmd.LapseLease(agent=CHILD), "dispatcher").rule == "lease"


def test_nobody_renews_for_another_or_with_an_old_epoch(scene: Scene) -> None:
    assert scene.refused(cmd.RenewLease(agent=CHILD, epoch=2)).rule == "lease"
    assert scene.refused(cmd.RenewLease(agent=CHILD, epoch=1), ANN).rule == "alone"


def test_it_may_run_out_before_the_old_driver_has_stopped() -> None:
    scene = Scene()
    scene.conduct()
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    scene.at += LEASE
    _lapse(scene)
    assert scene.asked(fx.Stop) == [], "the old driver was told to stop already"
    scene.stop()
    assert (scene.agent().status, scene.agent().seat) == (AgentStatus.PAUSED, 0)


def test_it_may_run_out_while_the_persons_seat_is_broken(scene: Scene) -> None:
    scene.fail(reason="workspace")
    assert scene.request(RequestKind.STALL).agent == CHILD
    scene.at += LEASE
    _lapse(scene)
    assert scene.agent().status is AgentStatus.PAUSED
    assert [is_lapse(request) for request in scene.group.requests.values()] == [True], "the broken seat is past"


def test_a_person_who_was_given_work_and_has_not_come_yet_has_no_lease_to_lose() -> None:
    scene = Scene()
    scene.conduct({"member": ANN})
    scene.at += 10 * LEASE
    assert scene.refused(cmd.LapseLease(agent=CHILD), "dispatcher").rule == "lease"
    assert scene.request(RequestKind.TASK).tool == ANN
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    assert scene.group.requests == {}


def _lease_left(scene: Scene) -> int:
    driver = scene.agent().driver
    assert driver is not None
    return driver.lease_until - scene.at


def test_a_lease_has_the_length_that_was_asked_for_however_the_wheel_was_got() -> None:
    scene = Scene()
    scene.conduct()
    scene.must(cmd.TakeOver(agent=CHILD, after_step=True, lease_ms=5_000), ANN)
    scene.turn(CHILD, call("note"))
    scene.result("note")
    scene.stop()
    assert _lease_left(scene) == 5_000
    scene.at += 4_000
    scene.turn(CHILD, call("ghost"))
    assert _lease_left(scene) == 5_000, "a step begins the same lease anew, not another"


def test_work_that_is_sent_back_to_a_person_comes_with_their_own_length_of_lease() -> None:
    scene = Scene()
    scene.conduct({"acceptance": "It is right."})
    scene.must(cmd.TakeOver(agent=CHILD, lease_ms=5_000), ANN)
    scene.stop()
    scene.turn(CHILD)
    scene.answer(RequestKind.REVIEW, "reject", text="Not yet.")
    assert _lease_left(scene) == 5_000


def test_a_person_whose_seat_breaks_in_a_paused_group_keeps_the_wheel(scene: Scene) -> None:
    scene.must(cmd.PauseGroup())
    scene.fail(reason="workspace")
    driver = scene.agent().driver
    assert driver is not None
    assert driver.member == ANN
    assert scene.request(RequestKind.STALL).agent == CHILD
