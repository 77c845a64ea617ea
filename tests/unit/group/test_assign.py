"""Who has a request: claimed by one alone, given, let go, taken; nobody else answers it meanwhile."""

from __future__ import annotations

import pytest

from clawgroups.errors import Invalid, NotFound
from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import CallStatus, Request, RequestKind
from tests.unit.group.scene import ANN, CHILD, Scene, run

YOU = LOCAL_ADMIN
OTHER = "g-3"


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct({}, {})
    scene.turn(CHILD, run())
    return scene


def _asked(scene: Scene, agent: str = CHILD) -> Request:
    return next(request for request in scene.group.requests.values() if request.agent == agent)


def _assign(scene: Scene, to: str, by: str = YOU, was: str | None = None) -> tuple[ev.Event, ...]:
    return scene.must(cmd.AssignRequest(request=_asked(scene).id, to=to, was=was), by)


def test_a_request_is_claimed_given_and_let_go(scene: Scene) -> None:
    assert (_asked(scene).assigned, _asked(scene).assigned_at) == ("", 0)
    assert [type(event) for event in _assign(scene, YOU)] == [ev.RequestAssigned]
    assert (_asked(scene).assigned, _asked(scene).assigned_at) == (YOU, scene.at)
    _assign(scene, ANN)
    assert _asked(scene).assigned == ANN
    assert [type(event) for event in _assign(scene, "")] == [ev.RequestLetGo]
    assert (_asked(scene).assigned, _asked(scene).assigned_at) == ("", 0)


def test_who_has_it_already_has_it_since_they_took_it(scene: Scene) -> None:
    _assign(scene, ANN, by=ANN)
    since, scene.at = scene.at, scene.at + 60_000
    assert _assign(scene, ANN, by=ANN) == ()
    assert _asked(scene).assigned_at == since


def test_of_two_who_open_it_at_once_one_alone_gets_it(scene: Scene) -> None:
    _assign(scene, YOU, was="")
    scene.at += 3 * 60_000
    late = scene.refused(cmd.AssignRequest(request=_asked(scene).id, to=ANN, was=""), ANN)
    assert (late.rule, late.sentence) == ("assigned", "This request has been with You for 3 min.")
    _assign(scene, ANN, by=ANN)  # in so many words it is always possible
    assert _asked(scene).assigned == ANN


def test_letting_go_what_one_has_no_more_takes_it_from_nobody(scene: Scene) -> None:
    _assign(scene, YOU)
    _assign(scene, ANN, by=ANN)
    assert _assign(scene, "", by=YOU, was=YOU) == ()
    assert _asked(scene).assigned == ANN


def test_nobody_else_answers_it_until_they_take_it(scene: Scene) -> None:
    _assign(scene, ANN, by=ANN)
    scene.at += 2 * 3_600_000
    for decision in ("approve", "deny", "supply"):
        answer = cmd.AnswerRequest(request=_asked(scene).id, decision=decision, text="x")
        refused = scene.refused(answer, YOU)
        assert refused.rule == "assigned"
        assert refused.sentence == "This request has been with Ann for 2 h."
        assert "Take it" in refused.hint
    _assign(scene, YOU)
    scene.answer(RequestKind.APPROVAL, "approve", YOU)
    assert [event.by for event in scene.happened(ev.RequestAnswered)] == [YOU]


def test_leave_for_the_group_leaves_alone_what_another_has(scene: Scene) -> None:
    scene.turn(OTHER, run())
    scene.must(cmd.AssignRequest(request=_asked(scene, OTHER).id, to=ANN), ANN)
    scene.must(cmd.AnswerRequest(request=_asked(scene).id, decision="approve", scope="group"), YOU)
    assert [request.agent for request in scene.group.requests.values()] == [OTHER]
    assert scene.agent(OTHER).calls[0].status is CallStatus.ASKING
    scene.answer(RequestKind.APPROVAL, "approve", ANN)


def test_only_people_of_the_group_get_one_and_only_while_it_is_open(scene: Scene) -> None:
    request = _asked(scene).id
    assert isinstance(scene.error(cmd.AssignRequest(request=request, to="model"), YOU), Invalid)
    assert isinstance(scene.error(cmd.AssignRequest(request=request, to="nobody"), YOU), NotFound)
    assert scene.refused(cmd.AssignRequest(request=request, to=ANN), "model").rule == "person"
    scene.answer(RequestKind.APPROVAL, "deny")
    late = scene.refused(cmd.AssignRequest(request=request, to=ANN), ANN)
    assert (late.rule, late.state) == ("answered_once", "closed")


def test_what_a_person_had_who_leaves_the_group_is_free(scene: Scene) -> None:
    scene.must(cmd.AddMember(Member(id="bo", name="Bo", kind=MemberKind.PERSON)))
    _assign(scene, "bo", by="bo")
    scene.must(cmd.RemoveMember("bo"))
    assert _asked(scene).assigned == ""
