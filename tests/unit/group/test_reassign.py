"""Reassigning: one transaction, one driver, and the old one's late results kept aside."""

from __future__ import annotations

import pytest

from clawgroups.errors import NotFound, StaleEpoch
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.evolve import evolve
from clawgroups.group.state import AgentStatus, Fate, RequestKind
from clawgroups.ledger.transcript import entries_of
from tests.unit.group.scene import ANN, CHILD, Scene, call


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct()
    return scene


def test_new_driver_epoch_and_stop_come_in_one_decision(scene: Scene) -> None:
    (moved,) = scene.must(cmd.Reassign(agent=CHILD, to="program", reason="too slow"))
    assert isinstance(moved, ev.Reassigned)
    assert (moved.epoch, moved.member, moved.former, moved.reason) == (2, "program", "model", "too slow")
    assert scene.asked(fx.Stop) == [fx.Stop(CHILD, 1)]
    assert scene.asked(fx.Drive) == [], "nobody else begins before the old driver has stopped"
    assert (scene.agent().status, scene.agent().member) == (AgentStatus.HANDING_OVER, "program")
    scene.stop()
    assert scene.asked(fx.Drive) == [fx.Drive(CHILD)]
    scene.turn(CHILD)
    assert scene.happened(ev.StepCommitted, CHILD)[-1].by == "program"


def test_the_new_driver_is_told_the_fate_of_each_call_as_it_was_once_the_stop_is_proved(scene: Scene) -> None:
    scene.turn(CHILD, call("edit", id="a"), call("read", id="b"), call("list", id="c"))
    scene.must(cmd.Reassign(agent=CHILD, to="program", reason="too slow"))
    assert scene.happened(ev.Briefed) == [], "nobody knows yet how they end"
    ends = [cmd.CallEnd("a", Fate.UNKNOWN), cmd.CallEnd("b", Fate.DONE, "r"), cmd.CallEnd("c", Fate.NOT_STARTED)]
    events = scene.stop(CHILD, *ends, partial="I was")
    (told,) = [event for event in events if isinstance(event, ev.Briefed)]
    assert told.text.startswith("You gave this task to you. M worked on it before")
    for words in (
        "The reason: too slow",
        "The last turn was interrupted",
        "call edit (a) was interrupted: its outcome is unknown",
        "call read (b) was interrupted: it was done all the same",
        "call list (c) was interrupted: it was never started",
    ):
        assert words in told.text, words
    assert told.by == scene.happened(ev.DriverStopped)[-1].by == "model", "the partial words are the old driver's"
    assert scene.agent().briefing is None


def test_a_runner_that_is_lost_before_the_proof_leaves_the_fate_unknown_and_it_is_told(scene: Scene) -> None:
    scene.turn(CHILD, call("edit", id="a"))
    scene.must(cmd.Reassign(agent=CHILD, to="program"))
    scene.lose_runner()
    (told,) = scene.happened(ev.Briefed)
    assert "call edit (a) was interrupted: its outcome is unknown" in told.text


def test_what_was_not_told_before_the_task_was_given_on_is_told_too(scene: Scene) -> None:
    scene.must(cmd.Reassign(agent=CHILD, to="program", reason="the first reason"))
    scene.must(cmd.Reassign(agent=CHILD, to=ANN, reason="the second reason"))
    scene.stop()
    (told,) = scene.happened(ev.Briefed)
    assert told.text.index("the first reason") < told.text.index("the second reason")
    assert told.by == "model"


def test_a_person_who_takes_over_before_the_proof_leaves_the_record_in_the_thread(scene: Scene) -> None:
    scene.must(cmd.Reassign(agent=CHILD, to="program", reason="too slow"))
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    scene.stop()
    assert "too slow" in scene.happened(ev.Briefed)[0].text
    assert scene.agent().driven_by_person


def test_a_reassignment_of_an_earlier_version_still_means_what_it_meant(scene: Scene) -> None:
    body = '{"kind":"reassigned","agent":"g-2","epoch":2,"member":"program","member_kind":"program","reason":"r",'
    body += '"record":"All of it."}'
    old = ev.decode("reassigned", body)
    assert isinstance(old, ev.Reassigned)
    assert [entry.content for entry in entries_of(9, 1, old)] == ["All of it."]
    assert evolve(scene.group, ev.Recorded(1, 1, "you", CHILD, 2, "reassigned", old)).agents[CHILD].briefing is None


def test_the_old_drivers_late_result_is_refused_and_kept_aside(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    scene.must(cmd.Reassign(agent=CHILD, to="program"))
    late = scene.refused(cmd.RecordResult(agent=CHILD, epoch=1, call="edit", ok=True, content="late"), "runner")
    assert isinstance(late, StaleEpoch)
    scene.must(cmd.KeepLateWrite(agent=CHILD, epoch=1, what="result", content="late", by="model"), "dispatcher")
    assert [event.content for event in scene.happened(ev.LateWriteKept)] == ["late"]
    assert scene.happened(ev.CallClosed, CHILD) == []


def test_a_second_reassignment_before_the_stop_is_proved_leaves_one_driver(scene: Scene) -> None:
    scene.must(cmd.Reassign(agent=CHILD, to="program"))
    scene.must(cmd.Reassign(agent=CHILD, to=ANN))
    assert scene.agent().epoch == 3
    scene.stop()
    assert scene.agent().driver is not None
    assert scene.agent().driver.member == ANN
    assert scene.request(RequestKind.TASK).tool == ANN


def test_what_is_queued_stays_queued_for_its_new_driver() -> None:
    scene = Scene()
    scene.must(cmd.Reassign(agent="g-1", to="model"))
    assert (scene.agent("g-1").status, scene.agent("g-1").driver) == (AgentStatus.QUEUED, None)
    scene.launch("g-1")
    assert scene.agent("g-1").driver is not None
    assert scene.agent("g-1").driver.member == "model"


def test_a_stall_is_answered_by_giving_the_work_to_another(scene: Scene) -> None:
    scene.fail()
    scene.answer(RequestKind.STALL, "reassign", member="program")
    assert (scene.agent().status, scene.agent().member) == (AgentStatus.DRIVING, "program")


def test_it_is_refused_to_whom_it_drives_already_and_to_nobody_known(scene: Scene) -> None:
    same = scene.refused(cmd.Reassign(agent=CHILD, to="model"))
    assert (same.rule, same.state) == ("reassign", "driving")
    assert isinstance(scene.error(cmd.Reassign(agent=CHILD, to="nobody")), NotFound)


def test_a_member_that_is_to_drive_cannot_leave(scene: Scene) -> None:
    kept = scene.refused(cmd.RemoveMember("model"))
    assert (kept.rule, kept.hint) == ("in_use", "Reassign first.")
    scene.must(cmd.Reassign(agent=CHILD, to="program"))
    scene.stop()
    scene.must(cmd.RemoveMember("model"))


def test_a_task_that_is_given_away_twice_before_anybody_began_is_called_that() -> None:
    scene = Scene()
    scene.conduct({"title": "a"}, {"title": "b", "depends_on": ["a"]})
    for member in ("model", "program"):
        scene.must(cmd.Reassign(agent="g-3", to=member if member != scene.agent("g-3").member else ANN))
    scene.turn(CHILD, words="a is done")
    scene.launch("g-3")
    told = scene.happened(ev.Briefed, "g-3")[-1].text
    assert "who has not begun" in told
    assert "everything above is done work" not in told
