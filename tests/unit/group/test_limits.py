"""Limits: at a limit the group asks, it does not die."""

from __future__ import annotations

from typing import Any

import pytest

from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import PRESETS, AgentStatus, GroupStatus, Limits, RequestKind, WaitReason
from clawgroups.group.thread import Usage
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call

BUDGET = RequestKind.BUDGET
USED = Usage(tokens_in=900, tokens_out=100, cost=2.0)


def test_the_limits_of_a_run_are_those_of_kimi() -> None:
    assert (Limits().max_live, Limits().max_steps, Limits().agent_steps) == (300, 4_000, 4_000)
    assert (PRESETS["k2.5"].max_live, PRESETS["k2.5"].max_steps) == (100, 1_500)


REACHED: list[tuple[dict[str, Any], float, str]] = [
    ({"max_steps": 2}, 10, "The group has used its 2 steps."),
    ({"agent_steps": 1}, 10, "w-002 has used its 1 steps."),
    ({"budget_usd": 2.0}, 5, "The group has spent its 2.00 USD."),
    ({"budget_tokens": 1_000}, 5_000, "The group has used its 1,000 tokens."),
    ({"hours": 1.0}, 2, "The group has run for its 1 hours."),
]


@pytest.mark.parametrize(("limits", "more", "sentence"), REACHED, ids=[next(iter(limits)) for limits, _, _ in REACHED])
def test_at_each_limit_it_asks_and_goes_on_when_it_is_raised(
    limits: dict[str, Any], more: float, sentence: str
) -> None:
    scene = Scene()
    scene.conduct()
    scene.limit(**limits)
    scene.at += 3_600_000
    scene.turn(CHILD, call("ghost"), usage=USED)
    assert (scene.agent().status, scene.agent().wait) == (AgentStatus.WAITING, WaitReason.BUDGET)
    opened = scene.happened(ev.RequestOpened)[-1]
    assert (opened.title, opened.tool) == (sentence, next(iter(limits)))
    assert scene.asked(fx.Proceed) == []
    scene.answer(BUDGET, "raise", amount=more)
    assert getattr(scene.group.limits, next(iter(limits))) == next(iter(limits.values())) + more
    assert scene.agent().status is AgentStatus.DRIVING
    assert scene.asked(fx.Proceed) == [fx.Proceed(CHILD)]


def test_no_limit_means_no_limit() -> None:
    scene = Scene()
    scene.conduct()
    scene.limit()
    scene.at += 10**9
    scene.turn(CHILD, call("ghost"), usage=Usage(tokens_in=10**9, cost=1e6))
    assert scene.agent().status is AgentStatus.DRIVING


def test_many_wait_at_one_limit_but_the_group_asks_once_and_all_go_on() -> None:
    scene = Scene()
    scene.conduct({}, {}, {})
    scene.limit(max_steps=1)
    for agent in ("g-2", "g-3", "g-4"):
        scene.turn(agent, call("ghost"))
    scene.answer(BUDGET, "raise", amount=50)
    assert [effect.agent for effect in scene.asked(fx.Proceed)] == ["g-2", "g-3", "g-4"]


def test_a_limit_raised_by_too_little_asks_again() -> None:
    scene = Scene()
    scene.conduct()
    scene.limit(max_steps=1)
    scene.turn(CHILD, call("ghost"))
    scene.answer(BUDGET, "raise", amount=1)
    assert scene.agent().wait is WaitReason.BUDGET
    assert len(scene.happened(ev.RequestOpened)) == 2


def test_those_who_wait_are_asked_for_even_when_the_one_that_asked_is_cancelled() -> None:
    scene = Scene()
    scene.conduct({}, {})
    scene.limit(max_steps=1)
    scene.turn("g-2", call("ghost"))
    scene.turn("g-3", call("ghost"))
    scene.must(cmd.CancelAgent(agent="g-2"))
    assert scene.request(BUDGET).agent == "g-3"
    scene.answer(BUDGET, "raise", amount=50)
    assert scene.agent("g-3").status is AgentStatus.DRIVING


def test_those_who_wait_are_asked_for_even_when_the_one_that_asked_is_finished_by_a_person() -> None:
    scene = Scene()
    scene.conduct({}, {})
    scene.limit(max_steps=1)
    scene.turn("g-2", call("ghost"))
    scene.turn("g-3", call("ghost"))
    scene.take("g-2")
    scene.turn("g-2", words="by hand")
    assert scene.request(BUDGET).agent == "g-3"


def test_what_is_queued_at_a_limit_asks_too_and_is_launched_after_the_raise() -> None:
    scene = Scene()
    scene.conduct()
    scene.limit(max_steps=1)
    scene.must(cmd.CreateAgent(name="extra", task="x", member="model"))
    scene.launch("g-3")
    assert scene.agent("g-3").status is AgentStatus.QUEUED
    scene.launch("g-3")
    scene.answer(BUDGET, "raise", amount=50)
    scene.launch("g-3")
    assert scene.agent("g-3").status is AgentStatus.DRIVING


def test_a_person_may_end_the_group_instead() -> None:
    scene = Scene()
    scene.conduct()
    scene.limit(max_steps=1)
    scene.turn(CHILD, call("ghost"))
    scene.answer(BUDGET, "fail")
    assert scene.group.status is GroupStatus.CANCELLED


def test_nobody_is_launched_above_the_number_of_live_sub_agents_until_one_ends() -> None:
    scene = Scene()
    scene.conduct({}, {})
    scene.limit(max_live=2)
    scene.must(cmd.CreateAgent(name="extra", task="x", member="model"))
    full = scene.refused(cmd.Launch(agent="g-4"), "dispatcher")
    assert (full.rule, full.state, full.sentence) == ("max_live", "queued", "2 sub-agents are live already.")
    scene.turn("g-2")
    scene.launch("g-4")


def test_a_conductor_that_waits_for_its_children_takes_none_of_their_room() -> None:
    scene = Scene()
    scene.conduct()
    assert scene.agent(CONDUCTOR).wait is WaitReason.CHILDREN
    assert scene.group.live == 1


def test_a_members_capacity_holds() -> None:
    scene = Scene()
    scene.conduct({}, {}, {})
    scene.must(cmd.CreateAgent(name="extra", task="x", member="model"))
    full = scene.refused(cmd.Launch(agent="g-5"), "dispatcher")
    assert (full.rule, full.sentence) == ("capacity", "M drives 3 sub-agents already.")


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_a_limit_is_not_raised_by_nonsense(amount: float) -> None:
    scene = Scene()
    scene.conduct()
    scene.limit(max_steps=1)
    scene.turn(CHILD, call("ghost"))
    answer = cmd.AnswerRequest(request=scene.request(BUDGET).id, decision="raise", amount=amount)
    assert isinstance(scene.error(answer, ANN), Invalid)


@pytest.mark.parametrize("wrong", [{"max_live": 0}, {"budget_usd": -1.0}, {"hours": float("nan")}])
def test_limits_must_make_sense(wrong: dict[str, Any]) -> None:
    assert isinstance(Scene().error(cmd.ChangeLimits(Limits(**wrong))), Invalid)
