"""The conductor's tools: Kimi's public schemas, parallel calls, one message each, dependencies, the end."""

from __future__ import annotations

from typing import Any

import pytest

from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.group_tools import GROUP_TOOLS
from clawgroups.group.state import AgentStatus, Fate, GroupStatus, RequestKind, WaitReason
from clawgroups.group.tools import GROUP_TOOL_NAMES
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call

KIMI = {  # tech report arXiv 2602.02276, appendix E.8
    "create_subagent": {
        "description": "Create a custom subagent with specific system prompt and name for reuse.",
        "properties": {
            "name": {"type": "string", "description": "Unique name for this agent configuration"},
            "system_prompt": {
                "type": "string",
                "description": "System prompt defining the agent's role, capabilities, and boundaries",
            },
        },
        "required": ["name", "system_prompt"],
    },
    "assign_task": {
        "description": "Launch a new agent.\nUsage notes:\n1. You can launch multiple agents concurrently whenever "
        "possible, to maximize performance;\n2. When the agent is done, it will return a single message back to you.",
        "properties": {
            "agent": {"type": "string", "description": "Specify which created agent to use."},
            "prompt": {"type": "string", "description": "The task for the agent to perform"},
        },
        "required": ["agent", "prompt"],
    },
}


@pytest.mark.parametrize("name", sorted(KIMI))
def test_the_two_swarm_tools_are_kimis_with_optional_extras(name: str) -> None:
    spec, public = GROUP_TOOLS[name], KIMI[name]
    assert spec.description == public["description"]
    assert spec.parameters["required"] == public["required"]
    asked: dict[str, Any] = spec.parameters["properties"]
    assert list(asked)[:2] == list(public["properties"])
    assert {key: asked[key] for key in public["properties"]} == public["properties"]


def test_the_rules_know_the_names_of_all_their_tools() -> None:
    assert set(GROUP_TOOLS) == GROUP_TOOL_NAMES


def test_tasks_of_one_turn_run_in_parallel_and_each_returns_one_message() -> None:
    scene = Scene()
    scene.conduct({"title": "first"}, {"title": "second"}, {"title": "third"})
    assert [scene.agent(f"g-{n}").status for n in (2, 3, 4)] == [AgentStatus.DRIVING] * 3
    assert scene.agent(CONDUCTOR).wait is WaitReason.CHILDREN
    for agent in ("g-3", "g-2", "g-4"):
        assert scene.asked(fx.Proceed) == []
        scene.turn(agent, words=f"{agent} is done")
    closed = [(event.call, event.content) for event in scene.happened(ev.CallClosed, CONDUCTOR)][1:]
    assert closed == [("t1", "g-3 is done"), ("t0", "g-2 is done"), ("t2", "g-4 is done")]
    assert scene.asked(fx.Proceed) == [fx.Proceed(CONDUCTOR)], "its next turn begins when all are in"


def test_mistakes_in_a_call_are_its_result_and_do_not_stop_the_turn() -> None:
    scene = Scene()
    scene.launch(CONDUCTOR)
    scene.turn(
        CONDUCTOR,
        call("assign_task", id="a", agent="nobody", prompt="x"),
        call("assign_task", id="b", agent="w"),
        call("create_subagent", id="c", name=" ", system_prompt="p"),
        call("create_subagent", id="d", name="w", system_prompt="p", member="nobody"),
        cmd.ProposedCall(id="e", name="assign_task", arguments="{broken"),
    )
    told = {event.call: event.content for event in scene.happened(ev.CallClosed)}
    assert {event.fate for event in scene.happened(ev.CallClosed)} == {Fate.FAILED}
    assert "no subagent 'nobody'" in told["a"]
    assert "prompt" in told["b"]
    assert "name is empty" in told["c"]
    assert "Members: ann, model, program, you" in told["d"]
    assert "not a JSON object" in told["e"]


def test_group_tools_are_for_the_conductor() -> None:
    scene = Scene()
    scene.conduct()
    scene.turn(CHILD, call("assign_task", agent="w", prompt="x"))
    closed = scene.happened(ev.CallClosed, CHILD)[0]
    assert (closed.fate, closed.content) == (Fate.FAILED, "assign_task is for the conductor.")


def _chain() -> Scene:
    scene = Scene()
    scene.conduct({"title": "first"}, {"title": "second", "depends_on": ["first"]})
    return scene


def test_a_task_begins_when_those_it_depends_on_are_done() -> None:
    scene = _chain()
    assert scene.agent("g-3").depends_on == (CHILD,)
    early = scene.refused(cmd.Launch(agent="g-3"), "dispatcher")
    assert (early.rule, early.state, early.sentence) == ("depends_on", "queued", "w-003 waits for w-002.")
    scene.turn(CHILD)
    scene.launch("g-3")
    assert scene.agent("g-3").status is AgentStatus.DRIVING


def test_a_task_whose_dependency_failed_fails_and_the_conductor_hears_of_both() -> None:
    scene = _chain()
    scene.must(cmd.CancelAgent(agent=CHILD))
    scene.must(cmd.Launch(agent="g-3"), "dispatcher")
    assert scene.agent("g-3").status is AgentStatus.FAILED
    told = scene.happened(ev.CallClosed, CONDUCTOR)[-1].content
    assert told == "w-003 failed: it depends on w-002, which ended as cancelled"
    assert scene.asked(fx.Proceed) == [fx.Proceed(CONDUCTOR)]


def test_a_dependency_must_exist_before() -> None:
    scene = Scene()
    scene.conduct({"title": "first"})
    scene.turn(CHILD)
    scene.turn(CONDUCTOR, call("assign_task", agent="w", prompt="x", depends_on=["later"]))
    closed = scene.happened(ev.CallClosed, CONDUCTOR)[-1]
    assert closed.fate is Fate.FAILED
    assert closed.content == "assign_task: You have no sub-agent 'later'. Assigned so far: first."


def test_finish_ends_the_conductors_task_with_its_result_and_with_it_the_group() -> None:
    scene = Scene()
    scene.launch(CONDUCTOR)
    scene.turn(CONDUCTOR, call("list_members"), call("finish", result="the report is written"))
    assert scene.happened(ev.AgentFinished)[0].result == "the report is written"
    assert scene.group.status is GroupStatus.FINISHED


def test_finish_waits_for_the_other_calls_of_its_turn() -> None:
    scene = Scene()
    scene.launch(CONDUCTOR)
    scene.turn(CONDUCTOR, call("ask_person", question="?"), call("finish", result="too early"))
    assert "no answer yet: ask_person" in scene.happened(ev.CallClosed)[-1].content
    scene.answer(RequestKind.QUESTION, "answer", text="yes")
    assert scene.agent(CONDUCTOR).status is AgentStatus.DRIVING


def test_a_take_over_asked_for_goes_before_finish() -> None:
    scene = Scene()
    scene.launch(CONDUCTOR)
    scene.must(cmd.TakeOver(agent=CONDUCTOR, after_step=True), ANN)
    scene.turn(CONDUCTOR, call("finish", result="done"))
    assert scene.agent(CONDUCTOR).status is AgentStatus.HANDING_OVER
    assert scene.happened(ev.AgentFinished) == []


def test_a_person_at_the_conductors_wheel_reassigns_its_work() -> None:
    scene = Scene()
    scene.conduct({"title": "first"})
    scene.take(CONDUCTOR)
    scene.turn(CONDUCTOR, call("reassign_task", agent="first", member="Ann", reason="by hand"))
    assert scene.agent().member == ANN
    assert scene.happened(ev.Reassigned)[0].reason == "by hand"


def test_a_child_that_ends_after_its_call_was_closed_tells_the_conductor_in_words() -> None:
    scene = Scene()
    scene.conduct({"title": "first"})
    scene.take(CONDUCTOR)
    scene.turn(CONDUCTOR, words="I go on.", final=False)
    scene.turn(CHILD, words="found it")
    assert scene.happened(ev.SteerDelivered, CONDUCTOR)[-1].text == "w-002 (g-2) ended as done:\nfound it"
