"""Answers: approve, deny, edit, supply and answer; once, for a tool, for the group; and never twice."""

from __future__ import annotations

import pytest

from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, CallStatus, Fate, RequestKind, WaitReason
from clawgroups.group.tools import Policy
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call, run

APPROVAL = RequestKind.APPROVAL


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct({}, {})
    scene.turn(CHILD, run())
    return scene


def test_a_call_that_needs_leave_is_not_started_before_a_person_gives_it(scene: Scene) -> None:
    assert (scene.agent().status, scene.agent().wait) == (AgentStatus.WAITING, WaitReason.APPROVAL)
    assert scene.running.get((CHILD, 1), set()) == set()
    opened = scene.happened(ev.RequestOpened)[0]
    assert (opened.tool, opened.arguments) == ("run", "{}")
    assert [choice.id for choice in opened.choices] == ["approve", "edit", "supply", "deny"]
    scene.answer(APPROVAL, "approve")
    assert scene.asked(fx.Release) == [fx.Release(CHILD, "run")]


def test_of_two_answers_the_first_counts(scene: Scene) -> None:
    asked = scene.request(APPROVAL).id
    scene.answer(APPROVAL, "deny")
    late = scene.refused(cmd.AnswerRequest(request=asked, decision="approve"))
    assert (late.rule, late.state) == ("answered_once", "closed")
    assert [event.by for event in scene.happened(ev.RequestAnswered)] == [ANN]


def test_a_denied_call_ends_and_the_agent_goes_on(scene: Scene) -> None:
    scene.answer(APPROVAL, "deny", text="not on a Friday")
    closed = scene.happened(ev.CallClosed, CHILD)[0]
    assert (closed.fate, closed.content, closed.by) == (Fate.DENIED, "not on a Friday", ANN)
    assert scene.asked(fx.Proceed) == [fx.Proceed(CHILD)]


def test_an_edited_call_runs_as_edited_and_again_as_edited_after_a_crash(scene: Scene) -> None:
    assert isinstance(scene.error(cmd.AnswerRequest(request=scene.request(APPROVAL).id, decision="edit"), ANN), Invalid)
    scene.answer(APPROVAL, "edit", arguments='{"n": 2}')
    assert scene.asked(fx.Release) == [fx.Release(CHILD, "run", '{"n": 2}')]
    scene.lose_runner()
    scene.answer(RequestKind.UNKNOWN_FATE, "run_again")
    assert scene.asked(fx.Release) == [fx.Release(CHILD, "run", '{"n": 2}')]


def test_a_result_can_be_supplied_instead_of_running_it(scene: Scene) -> None:
    scene.answer(APPROVAL, "supply", text="as if it had run")
    closed = scene.happened(ev.CallClosed, CHILD)[0]
    assert (closed.fate, closed.content) == (Fate.DONE, "as if it had run")


def test_once_is_for_one_call_only(scene: Scene) -> None:
    scene.answer(APPROVAL, "approve")
    scene.result("run")
    scene.turn(CHILD, run())
    assert scene.request(APPROVAL).agent == CHILD


def test_always_for_this_tool_is_for_this_sub_agent_only(scene: Scene) -> None:
    scene.answer(APPROVAL, "approve", scope="tool")
    scene.result("run")
    scene.turn(CHILD, run())
    assert scene.agent().call("run") is not None
    assert scene.agent().calls[0].status is CallStatus.RELEASED
    scene.turn("g-3", run())
    assert scene.request(APPROVAL).agent == "g-3"


def test_for_the_group_is_for_everybody_and_answers_what_waits_already(scene: Scene) -> None:
    scene.turn("g-3", run())
    first = next(request for request in scene.group.requests.values() if request.agent == CHILD)
    scene.must(cmd.AnswerRequest(request=first.id, decision="approve", scope="group"), ANN)
    assert scene.group.requests == {}
    assert scene.asked(fx.Release) == [fx.Release(CHILD, "run"), fx.Release("g-3", "run")]
    assert scene.group.policies["run"] is Policy.ALLOW


def test_only_a_person_answers_and_only_with_what_answers_it(scene: Scene) -> None:
    asked = scene.request(APPROVAL).id
    assert scene.refused(cmd.AnswerRequest(request=asked, decision="approve"), "program").rule == "person"
    odd = scene.error(cmd.AnswerRequest(request=asked, decision="accept"))
    assert isinstance(odd, Invalid)
    assert "approve, edit, supply, deny" in odd.hint
    assert isinstance(scene.error(cmd.AnswerRequest(request=asked, decision="approve", scope="all")), Invalid)


def test_a_question_waits_for_a_person_and_its_answer_is_the_calls_result() -> None:
    scene = Scene()
    scene.launch(CONDUCTOR)
    scene.turn(CONDUCTOR, call("ask_person", question="Which folder?"))
    assert scene.agent(CONDUCTOR).wait is WaitReason.ANSWER
    question = scene.request(RequestKind.QUESTION).id
    assert isinstance(scene.error(cmd.AnswerRequest(request=question, decision="answer"), ANN), Invalid)
    scene.answer(RequestKind.QUESTION, "answer", text="the first")
    closed = scene.happened(ev.CallClosed)[-1]
    assert (closed.content, closed.by, closed.fate) == ("the first", ANN, Fate.DONE)


def test_a_request_is_withdrawn_when_what_asked_has_ended(scene: Scene) -> None:
    asked = scene.request(APPROVAL).id
    scene.must(cmd.CancelAgent(agent=CHILD))
    assert scene.refused(cmd.AnswerRequest(request=asked, decision="approve"), ANN).rule == "answered_once"


def test_a_group_tool_that_needs_leave_is_carried_out_by_the_rules_when_it_is_given() -> None:
    scene = Scene()
    scene.launch(CONDUCTOR)
    scene.must(cmd.SetPolicy("assign_task", Policy.ASK))
    role = call("create_subagent", name="w", system_prompt="p")
    scene.turn(CONDUCTOR, role, call("assign_task", agent="w", prompt="do it"))
    assert list(scene.group.agents) == [CONDUCTOR]
    scene.answer(APPROVAL, "approve")
    assert scene.agent().parent_call == "assign_task"
    assert scene.asked(fx.Release) == [], "no runner knows this tool"
    assert scene.agent(CONDUCTOR).wait is WaitReason.CHILDREN


def test_a_tool_that_the_group_denies_ends_at_once_as_denied() -> None:
    scene = Scene()
    scene.conduct()
    scene.must(cmd.SetPolicy("edit", Policy.DENY))
    scene.turn(CHILD, call("edit"), call("ghost"))
    fates = {event.name: event.fate for event in scene.happened(ev.CallClosed, CHILD)}
    assert fates == {"edit": Fate.DENIED, "ghost": Fate.FAILED}
