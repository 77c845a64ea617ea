"""The room: words to the conductor or to named sub-agents, and the standing rules."""

from __future__ import annotations

import pytest

from clawgroups.errors import Invalid, NotFound
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call

OTHER = "g-3"


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct({}, {})
    return scene


def test_words_that_address_nobody_are_for_the_conductor(scene: Scene) -> None:
    posted, queued = scene.must(cmd.PostMessage("  Where are we? "), ANN)
    assert posted == ev.MessagePosted(text="Where are we?", to=(CONDUCTOR,), steers=("g-s1",))
    assert isinstance(queued, ev.SteerQueued)
    assert (queued.agent, queued.id, queued.by, queued.text) == (CONDUCTOR, "g-s1", ANN, "Where are we?")
    assert queued.post == scene.events[-2].seq


def test_words_to_several_reach_each_of_them_once_at_its_own_step_boundary(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    scene.must(cmd.PostMessage("Mind the tests.", (CHILD, OTHER, CHILD)))
    assert [steer.text for steer in scene.agent(CHILD).steers] == ["Mind the tests."]
    assert [steer.text for steer in scene.agent(OTHER).steers] == ["Mind the tests."]
    assert scene.agent(CONDUCTOR).steers == ()
    scene.result("edit")
    assert scene.agent(CHILD).steers == ()
    assert [tell.entry.content for tell in scene.asked(fx.Tell)] == ["Mind the tests."]
    assert scene.agent(OTHER).steers != (), "its own step is not over yet"


def test_who_has_ended_reads_nothing_any_more_and_that_is_told(scene: Scene) -> None:
    scene.must(cmd.CancelAgent(agent=CHILD))
    error = scene.refused(cmd.PostMessage("Both of you!", (CHILD, OTHER)))
    assert error.sentence == f"{scene.agent(CHILD).name} has ended."
    assert "conductor" in error.hint


def test_where_the_conductor_has_ended_the_words_are_for_people(scene: Scene) -> None:
    scene.must(cmd.CancelGroup())
    (posted,) = scene.must(cmd.PostMessage("That was it."))
    assert posted == ev.MessagePosted(text="That was it.")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_message_needs_a_word(scene: Scene, text: str) -> None:
    assert isinstance(scene.error(cmd.PostMessage(text)), Invalid)


def test_only_sub_agents_of_the_group_can_be_addressed(scene: Scene) -> None:
    assert isinstance(scene.error(cmd.PostMessage("You there!", ("g-99",))), NotFound)


def test_changed_rules_are_told_to_everybody_under_way_and_stand_in_the_room_once(scene: Scene) -> None:
    scene.must(cmd.CancelAgent(agent=OTHER))
    changed, *told = scene.must(cmd.ChangeRules("Be kind."), ANN)
    assert changed == ev.RulesChanged("Be kind.")
    seq = next(each.seq for each in scene.events if each.event is changed)
    assert [(each.agent, each.post) for each in told if isinstance(each, ev.SteerQueued)] == [
        (CONDUCTOR, seq),
        (CHILD, seq),
    ]
    assert "They are now:\nBe kind." in told[0].text  # type: ignore[attr-defined]
    assert scene.must(cmd.ChangeRules("Be kind. \n")) == (), "nothing has changed"
    assert "there are none now" in scene.must(cmd.ChangeRules(" "))[1].text  # type: ignore[attr-defined]


def test_or_to_those_who_conduct_alone(scene: Scene) -> None:
    _, *told = scene.must(cmd.ChangeRules("Be kind.", tell_all=False))
    assert [each.agent for each in told if isinstance(each, ev.SteerQueued)] == [CONDUCTOR]


def test_a_new_task_begins_with_the_rules_that_hold_then(scene: Scene) -> None:
    scene.must(cmd.ChangeRules("Be kind."))
    made = scene.must(cmd.CreateAgent(name="w", task="More.", member="model", system_prompt="You work."))
    assert made[0].system_prompt == "You work.\n\nStanding rules of this group:\nBe kind."  # type: ignore[attr-defined]
    scene.must(cmd.ChangeRules(""))
    made = scene.must(cmd.CreateAgent(name="w", task="More.", member="model"))
    assert made[0].system_prompt == ""  # type: ignore[attr-defined]


def test_so_does_a_task_that_the_conductor_assigns() -> None:
    scene = Scene()
    scene.must(cmd.ChangeRules("Be kind."))
    scene.conduct()
    created = next(event for event in scene.happened(ev.AgentCreated) if event.agent == CHILD)
    assert created.system_prompt == "You work.\n\nStanding rules of this group:\nBe kind."
