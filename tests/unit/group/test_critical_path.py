"""The critical steps taken apart: which child was the longest of each stage, and how long it was when it ended."""

from __future__ import annotations

from msgspec.structs import replace

from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.critical import End, Mark, Stage, children_of, lengths, stages
from tests.unit.group.scene import CHILD, CONDUCTOR, Scene, call

OVER = (ev.AgentFinished, ev.AgentFailed, ev.AgentCancelled)


def _work(scene: Scene, agent: str, steps: int) -> None:
    for number in range(steps - 1):
        scene.turn(agent, call("ghost", n=number))
    scene.turn(agent)


def _marks(scene: Scene, agent: str) -> list[Mark]:
    steps = [each for each in scene.events if each.agent == agent and isinstance(each.event, ev.StepCommitted)]
    return [Mark(number, each.seq, each.at) for number, each in enumerate(steps, 1)]


def _ends(scene: Scene) -> dict[str, End]:
    return {each.agent: End(each.seq, each.at) for each in scene.events if isinstance(each.event, OVER)}


def _lengths(scene: Scene) -> dict[str, int]:
    last = {agent: _marks(scene, agent)[-1].seq for agent in scene.group.agents if _marks(scene, agent)}
    return lengths(scene.group.agents, _ends(scene), last)


def _stages(scene: Scene) -> list[Stage]:
    children = children_of(scene.group.agents)[CONDUCTOR]
    return stages(_marks(scene, CONDUCTOR), children, _ends(scene), _lengths(scene))


def _sum(scene: Scene) -> int:
    length = _lengths(scene)
    return sum((stage.mark is not None) + length.get(stage.child, 0) for stage in _stages(scene))


def test_each_stage_names_its_longest_child() -> None:
    scene = Scene()
    scene.conduct({}, {}, {})
    for agent, steps in (("g-2", 1), ("g-3", 4), ("g-4", 2)):
        _work(scene, agent, steps)
    assert [stage.child for stage in _stages(scene)] == ["", "g-3"]
    assert _stages(scene)[-1].mark is None, "the step after it has not come yet"
    scene.turn(CONDUCTOR)
    assert [(stage.child, stage.mark is not None) for stage in _stages(scene)] == [("", True), ("g-3", True)]
    assert _sum(scene) == scene.agent(CONDUCTOR).critical == 1 + 4 + 1


def test_of_two_as_long_it_is_the_one_that_ended_first_and_one_without_steps_is_none() -> None:
    scene = Scene()
    scene.conduct({}, {}, {})
    _work(scene, "g-3", 2)
    _work(scene, "g-2", 2)
    scene.must(cmd.CancelAgent(agent="g-4"))
    assert _lengths(scene) == {"g-2": 2, "g-3": 2, "g-4": 0}
    assert [stage.child for stage in _stages(scene)] == ["", "g-3"]


def test_stages_follow_each_other() -> None:
    scene = Scene()
    scene.conduct({})
    _work(scene, CHILD, 3)
    scene.turn(CONDUCTOR, call("assign_task", agent="w", prompt="more"))
    scene.launch("g-3")
    _work(scene, "g-3", 2)
    scene.turn(CONDUCTOR)
    assert [stage.child for stage in _stages(scene)] == ["", CHILD, "g-3"]
    assert _sum(scene) == scene.agent(CONDUCTOR).critical == (1 + 3) + (1 + 2) + 1


def test_a_child_that_ends_after_its_parent_does_not_make_that_longer_afterwards() -> None:
    scene = Scene()
    scene.conduct({}, {})
    _work(scene, "g-2", 2)
    made = scene.group.agents["g-2"]
    late = {"g-9": End(99, 9), "g-2": End(50, 5)}
    agents = {"g-2": made, "g-9": replace(made, id="g-9", parent="g-2", critical=7, stage=0)}
    assert lengths(agents, late, {"g-2": 40})["g-2"] == 2
    assert lengths(agents, late | {"g-9": End(45, 4)}, {"g-2": 40})["g-2"] == 2 + 7
    assert lengths(agents, late | {"g-9": End(30, 3)}, {"g-2": 40})["g-2"] == 2, "that stage is over"
