"""The conductor reviews and reassigns: what it hears, what it may decide, and that its calls are always answered."""

from __future__ import annotations

import pytest

from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, CallStatus, Fate, GroupStatus, RequestKind, WaitReason
from clawgroups.group.tools import Policy
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call

REVIEW = RequestKind.REVIEW
REJECT = {"decision": "reject", "reasons": "the table is missing"}


@pytest.fixture
def scene() -> Scene:
    """A conductor that has read a draft of its sub-agent's and may take its next turn."""
    scene = Scene()
    scene.conduct({"title": "report", "review": "conductor", "acceptance": "It has a table."})
    scene.turn(CHILD, words="a draft")
    return scene


def _said(scene: Scene, call_id: str) -> tuple[Fate, str]:
    closed = next(event for event in reversed(scene.happened(ev.CallClosed, CONDUCTOR)) if event.call == call_id)
    return closed.fate, closed.content


def test_the_conductors_call_returns_the_draft_so_that_its_next_turn_can_review_it(scene: Scene) -> None:
    fate, told = _said(scene, "t0")
    assert fate is Fate.DONE
    assert told.startswith("w-002 (g-2) delivers this for your review.")
    assert told.endswith("a draft")
    assert scene.asked(fx.Proceed) == [fx.Proceed(CONDUCTOR)]
    assert (scene.agent().wait, scene.agent(CONDUCTOR).calls) == (WaitReason.REVIEW, ())


def test_an_accepted_draft_is_the_result_and_is_not_told_twice(scene: Scene) -> None:
    scene.turn(CONDUCTOR, call("review", agent="report", decision="accept"))
    assert scene.agent().status is AgentStatus.DONE
    assert scene.happened(ev.AgentFinished)[-1].result == "a draft"
    assert _said(scene, "review") == (Fate.DONE, "Accepted: w-002 (g-2) is done.")
    assert scene.happened(ev.SteerQueued, CONDUCTOR) == []
    assert scene.asked(fx.Proceed) == [fx.Proceed(CONDUCTOR)]
    (answered,) = scene.happened(ev.RequestAnswered)
    assert (answered.decision, answered.by) == ("accept", "program")


def test_a_rejected_draft_goes_back_and_the_same_call_returns_the_next_one(scene: Scene) -> None:
    scene.turn(CONDUCTOR, call("review", id="first", agent="report", **REJECT))
    assert "the table is missing" in scene.happened(ev.SteerDelivered, CHILD)[-1].text
    assert scene.happened(ev.RequestAnswered)[-1].text == "the table is missing"
    assert scene.agent(CONDUCTOR).wait is WaitReason.CHILDREN
    scene.turn(CHILD, words="with a table")
    assert _said(scene, "first")[1].endswith("with a table")
    scene.turn(CONDUCTOR, call("review", id="second", agent=CHILD, decision="accept"))
    assert scene.happened(ev.AgentFinished)[-1].result == "with a table"


def test_a_sub_agent_that_fails_after_it_was_sent_back_answers_the_review(scene: Scene) -> None:
    scene.turn(CONDUCTOR, call("review", agent="report", **REJECT))
    scene.fail()
    scene.answer(RequestKind.STALL, "fail")
    assert _said(scene, "review") == (Fate.FAILED, "w-002 failed: a person ended it after a stall")


def test_drafts_of_one_turn_are_reviewed_in_one_turn() -> None:
    scene = Scene()
    scene.conduct(*({"title": title, "review": "conductor"} for title in ("first", "second")), {"title": "third"})
    for agent in ("g-2", "g-3", "g-4"):
        scene.turn(agent, words=f"by {agent}")
    scene.turn(
        CONDUCTOR,
        call("review", id="a", agent="first", decision="accept"),
        call("review", id="b", agent="second", **REJECT),
        call("assign_task", id="c", agent="w", prompt="more", title="fourth"),
    )
    assert [c.status for c in scene.agent(CONDUCTOR).calls] == [CallStatus.CHILD] * 2
    assert scene.asked(fx.Proceed) == [fx.Proceed("g-3")]
    scene.turn("g-3", words="better")
    scene.launch("g-5")
    scene.turn("g-5", words="fourth")
    assert scene.asked(fx.Proceed) == [fx.Proceed(CONDUCTOR)], "its next turn begins when all are in"
    assert _said(scene, "b")[1].endswith("better")


def test_who_answers_first_has_answered(scene: Scene) -> None:
    request = scene.request(REVIEW).id
    scene.answer(REVIEW, "accept")
    scene.turn(CONDUCTOR, call("review", agent="report", **REJECT))
    assert _said(scene, "review") == (Fate.FAILED, "review: w-002 does not wait for a review: it is done.")
    assert scene.agent().status is AgentStatus.DONE
    other = Scene()
    other.conduct({"title": "report", "review": "conductor"})
    other.turn(CHILD)
    other.turn(CONDUCTOR, call("review", agent="report", **REJECT))
    late = other.refused(cmd.AnswerRequest(request=request, decision="accept"), ANN)
    assert late.rule == "answered_once"


def test_a_conductor_in_the_middle_of_a_turn_hears_of_what_people_decided_and_of_the_next_draft(scene: Scene) -> None:
    scene.answer(REVIEW, "reject", text="the table is missing")
    scene.turn(CHILD, words="with a table")
    assert scene.agent(CONDUCTOR).steers[-1].text.endswith("with a table")
    scene.turn(CONDUCTOR, words="I am done.")
    assert scene.agent(CONDUCTOR).status is AgentStatus.DRIVING, "words that wait keep it from ending"
    scene.turn(CONDUCTOR, call("review", agent="report", decision="accept"))
    assert scene.agent().status is AgentStatus.DONE


def test_a_model_does_not_stand_in_for_a_person_who_was_asked_but_a_person_at_its_wheel_may() -> None:
    scene = Scene()
    scene.conduct({"title": "report", "acceptance": "good"})
    scene.turn(CHILD, words="a draft")
    scene.take(CONDUCTOR)
    scene.turn(CONDUCTOR, words="I go on without it.", final=False)
    scene.must(cmd.HandBack(agent=CONDUCTOR, record="r"), ANN)
    scene.turn(CONDUCTOR, call("review", agent="report", decision="accept"))
    fate, told = _said(scene, "review")
    assert (fate, told) == (
        Fate.FAILED,
        "review: A person was asked to review the work of w-002. You hear of it when they have.",
    )
    assert scene.agent().wait is WaitReason.REVIEW
    scene.take(CONDUCTOR)
    scene.turn(CONDUCTOR, call("review", id="mine", agent="report", decision="accept"))
    assert scene.agent().status is AgentStatus.DONE


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"agent": "report", "decision": "reject"}, "The reasons are missing."),
        ({"agent": "report", "decision": "perhaps"}, "It takes: agent, decision, reasons."),
        ({"agent": "nobody", "decision": "accept"}, "You have no sub-agent 'nobody'. Assigned so far: report."),
    ],
)
def test_a_mistake_in_a_review_is_its_result_and_decides_nothing(
    scene: Scene, given: dict[str, str], told: str
) -> None:
    scene.turn(CONDUCTOR, call("review", **given))
    fate, said = _said(scene, "review")
    assert fate is Fate.FAILED
    assert told in said
    assert scene.agent().wait is WaitReason.REVIEW
    assert scene.happened(ev.RequestAnswered) == []


def test_finish_does_not_leave_a_draft_behind(scene: Scene) -> None:
    scene.turn(CONDUCTOR, call("finish", result="all done"))
    assert "your review is waited for by w-002" in _said(scene, "finish")[1]
    scene.turn(CONDUCTOR, call("review", agent="report", decision="accept"))
    scene.turn(CONDUCTOR, call("finish", id="again", result="all done"))
    assert scene.group.status is GroupStatus.FINISHED


def test_a_draft_whose_conductor_has_ended_is_left_to_people(scene: Scene) -> None:
    scene.turn(CONDUCTOR, words="I am done.")
    assert scene.agent(CONDUCTOR).status is AgentStatus.DONE
    scene.answer(REVIEW, "accept")
    assert scene.group.status is GroupStatus.FINISHED


def test_a_review_that_needs_leave_is_judged_when_it_is_given(scene: Scene) -> None:
    scene.must(cmd.SetPolicy("review", Policy.ASK))
    scene.turn(CONDUCTOR, call("review", agent="report", **REJECT))
    scene.answer(RequestKind.APPROVAL, "approve")
    assert scene.agent(CONDUCTOR).wait is WaitReason.CHILDREN
    scene.turn(CHILD, words="with a table")
    assert _said(scene, "review")[1].endswith("with a table")


# --- giving a task to another --------------------------------------------------------------------------


def _failed() -> Scene:
    scene = Scene()
    scene.conduct({"title": "part"})
    scene.turn(CHILD, call("ghost"))
    scene.fail()
    scene.answer(RequestKind.STALL, "fail")
    return scene


def test_a_failed_task_begins_again_where_it_stopped_and_its_message_answers_the_call() -> None:
    scene = _failed()
    scene.turn(CONDUCTOR, call("reassign_task", agent="part", member="program", reason="It has no key."))
    assert scene.agent(CONDUCTOR).wait is WaitReason.CHILDREN
    again = scene.agent("g-3")
    assert (again.title, again.member, again.forked_from, again.forked_step) == ("part", "program", CHILD, 1)
    assert scene.agent().status is AgentStatus.FAILED, "what has ended stays ended"
    told = scene.happened(ev.Briefed, "g-3")[0].text
    assert "w-002 worked on it before and ended as failed" in told
    assert "It has no key." in told
    scene.launch("g-3")
    scene.turn("g-3", words="done after all")
    assert _said(scene, "reassign_task") == (Fate.DONE, "done after all")


def test_a_cancelled_task_begins_again_from_its_last_whole_step_though_its_stop_is_not_proved() -> None:
    scene = Scene()
    scene.conduct({"title": "part"})
    scene.turn(CHILD, call("ghost"))
    scene.turn(CHILD, call("edit"))
    scene.must(cmd.CancelAgent(agent=CHILD))
    scene.turn(CONDUCTOR, call("reassign_task", agent="part", member="program"))
    assert scene.agent("g-3").forked_step == 1
    scene.launch("g-3")
    scene.stop(CHILD)
    scene.turn("g-3", words="done after all")
    assert _said(scene, "reassign_task") == (Fate.DONE, "done after all")


def test_a_draft_is_given_to_another_and_the_next_one_answers_the_call(scene: Scene) -> None:
    scene.turn(CONDUCTOR, call("reassign_task", agent="report", member="program", reason="too short"))
    scene.stop(CHILD)
    assert scene.group.requests == {}
    scene.turn(CHILD, words="by another")
    assert _said(scene, "reassign_task")[1].endswith("by another")
    assert scene.agent().wait is WaitReason.REVIEW


def test_a_task_of_the_same_turn_answers_one_call_only() -> None:
    scene = Scene()
    scene.launch(CONDUCTOR)
    scene.turn(
        CONDUCTOR,
        call("create_subagent", name="w", system_prompt="p"),
        call("assign_task", agent="w", prompt="x", title="part"),
        call("reassign_task", agent="part", member="program"),
    )
    assert _said(scene, "reassign_task") == (Fate.DONE, "w-002 is Program's now.")
    scene.launch(CHILD)
    scene.turn(CHILD, words="the result")
    assert _said(scene, "assign_task") == (Fate.DONE, "the result")


def test_who_is_sent_back_and_given_away_in_one_turn_is_stopped_and_never_told_to_go_on(scene: Scene) -> None:
    scene.turn(
        CONDUCTOR,
        call("review", agent="report", **REJECT),
        call("reassign_task", agent="report", member="program"),
    )
    assert scene.asked(fx.Proceed) == []
    assert scene.asked(fx.Stop) == [fx.Stop(CHILD, 1)]


def test_a_task_that_depends_on_a_draft_is_not_assigned_before_the_draft_is_accepted() -> None:
    scene = Scene()
    scene.conduct({"title": "a", "review": "conductor"}, {"title": "b", "depends_on": ["a"]})
    fate, told = _said(scene, "t1")
    assert (fate, told) == (
        Fate.FAILED,
        "assign_task: you review a. Assign what depends on it once you have accepted it.",
    )
    scene.turn(CHILD, words="a draft")
    assert scene.asked(fx.Proceed) == [fx.Proceed(CONDUCTOR)], "its review is not kept waiting"
    scene.turn(CONDUCTOR, call("review", agent="a", decision="accept"))
    scene.turn(CONDUCTOR, call("assign_task", agent="w", prompt="b", depends_on=["a"]))
    assert scene.agent("g-3").depends_on == (CHILD,)


def test_a_draft_that_was_not_read_yet_is_not_accepted(scene: Scene) -> None:
    scene.answer(REVIEW, "reject", text="Not yet.")
    scene.turn(CHILD, words="another draft")
    scene.turn(CONDUCTOR, call("review", agent="report", decision="accept"))
    fate, told = _said(scene, "review")
    assert fate is Fate.FAILED
    assert "has said something that you have not read yet" in told
    assert scene.agent().wait is WaitReason.REVIEW


def test_a_result_that_a_person_accepts_at_the_conductors_wheel_reaches_the_conductor() -> None:
    scene = Scene()
    scene.conduct({"title": "report", "acceptance": "It has a table."})
    scene.turn(CHILD, words="with a table")
    scene.take(CONDUCTOR)
    scene.turn(CONDUCTOR, call("review", agent="report", decision="accept"), final=False)
    assert scene.agent().status is AgentStatus.DONE
    told = [*(event.text for event in scene.happened(ev.SteerQueued, CONDUCTOR)), _said(scene, "t0")[1]]
    assert any("with a table" in words for words in told)
