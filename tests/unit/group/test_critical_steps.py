"""Critical steps: the sum over stages of the conductor's steps and its longest sub-agent's."""

from __future__ import annotations

from clawgroups.group import commands as cmd
from tests.unit.group.scene import CHILD, CONDUCTOR, Scene, call


def _work(scene: Scene, agent: str, steps: int) -> None:
    for number in range(steps - 1):
        scene.turn(agent, call("ghost", n=number))
    scene.turn(agent)


def test_a_stage_is_as_long_as_its_longest_sub_agent() -> None:
    scene = Scene()
    scene.conduct({}, {}, {})
    for agent, steps in (("g-2", 1), ("g-3", 4), ("g-4", 2)):
        _work(scene, agent, steps)
    scene.turn(CONDUCTOR)
    assert scene.agent(CONDUCTOR).critical == 1 + 4 + 1
    assert scene.group.steps == 2 + 1 + 4 + 2


def test_fifty_children_of_one_step_beside_one_step_of_the_conductor_are_two() -> None:
    scene = Scene()
    scene.limit(max_live=100)
    scene.must(cmd.Launch(agent=CONDUCTOR), "dispatcher")
    tasks = [call("assign_task", id=f"t{i}", agent="w", prompt="x", member="program") for i in range(50)]
    scene.turn(CONDUCTOR, call("create_subagent", name="w", system_prompt="p"), *tasks)
    for number in range(2, 52):
        scene.launch(f"g-{number}")
        scene.turn(f"g-{number}")
    at = scene.agent(CONDUCTOR)
    assert at.critical + at.stage == 2
    assert scene.group.steps == 51


def test_stages_add_up() -> None:
    scene = Scene()
    scene.conduct({})
    _work(scene, CHILD, 3)
    scene.turn(CONDUCTOR, call("assign_task", agent="w", prompt="more"))
    scene.launch("g-3")
    _work(scene, "g-3", 2)
    scene.turn(CONDUCTOR)
    assert scene.agent(CONDUCTOR).critical == (1 + 3) + (1 + 2) + 1


def test_children_that_failed_or_were_cancelled_took_their_time_too() -> None:
    scene = Scene()
    scene.conduct({}, {})
    for number in range(5):
        scene.turn("g-2", call("ghost", n=number))
    _work(scene, "g-3", 2)
    scene.must(cmd.CancelAgent(agent="g-2"))
    scene.turn(CONDUCTOR)
    assert scene.agent(CONDUCTOR).critical == 1 + 5 + 1
