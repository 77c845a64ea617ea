"""Lists of tasks as people write them, and templates that find in a group what it was made from."""

from __future__ import annotations

from typing import Literal

import pytest

from clawgroups.dispatcher.founding.changes import Change, ChangedFile
from clawgroups.dispatcher.founding.plans import NewGroup, tasks_of
from clawgroups.dispatcher.founding.saved_templates import plan_of
from clawgroups.dispatcher.founding.template_tasks import list_task, review_task, settings_in, survey_task, swarm_task
from clawgroups.errors import Invalid
from clawgroups.group.state import Group, Limits
from clawgroups.programs.stdio import settings_of


def test_marks_and_empty_lines_are_no_part_of_a_task() -> None:
    text = "- one\n\n  * two\n3. three\n4) four\n\u2022 five\n-not a mark\n1.5 is a number\n   \n"
    assert tasks_of(text) == ["one", "two", "three", "four", "five", "-not a mark", "1.5 is a number"]


@pytest.mark.parametrize(("text", "says"), [("x\n" * 301, "301 lines"), ("a\n" + "x" * 4_001, "Line 2")])
def test_a_list_that_is_too_long_is_told_at_the_list(text: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as caught:
        tasks_of(text)
    assert caught.value.field == "lines"


def group(template: str, goal: str, **more: int) -> Group:
    return Group(id="g", template=template, goal=goal, conductor="c", worker="w", limits=Limits(**more))


@pytest.mark.parametrize("for_model", [True, False])
@pytest.mark.parametrize("said", ["", "Mind the TODO marks."])
def test_a_survey_is_found_again(said: str, for_model: bool) -> None:
    plan = NewGroup(name="n", goal=said, limit=7, pace=3)
    task = survey_task(said or "Survey the folder.", plan, "w", for_model=for_model)
    found = plan_of(group("survey", said or "Survey the folder."), task)
    assert (found.goal, found.limit, found.pace, found.worker) == (said, 7, 3, "w")


@pytest.mark.parametrize("for_model", [True, False])
@pytest.mark.parametrize("said", ["", "Answer in German."])
def test_a_list_is_found_again(said: str, for_model: bool) -> None:
    plan = NewGroup(name="n", goal=said, lines="- \u00fcber a\n- b", at_once=3)
    task = list_task(said or "Do the 2 tasks of the list.", plan, "w", for_model=for_model)
    found = plan_of(group("list", said or "Do the 2 tasks of the list.", max_live=3), task)
    assert (found.goal, found.lines, found.at_once) == (said, "\u00fcber a\nb", 3)
    assert for_model or settings_of(task)["lines"] == ["\u00fcber a", "b"], "a program reads them from the last line"


@pytest.mark.parametrize("by", ["file", "concern"])
def test_a_review_is_found_again(by: Literal["file", "concern"]) -> None:
    plan = NewGroup(name="n", goal="Races.", base="main", head="topic", by=by)
    change = Change(base="a" * 40, head="b" * 40, files=[ChangedFile("x.py", 1, 2, True)], fresh=[], more=False,
                    diff="diff --git x", base_words="main", head_words="topic")  # fmt: skip
    task = review_task("Races.", plan, change)
    found = plan_of(group("review", "Races."), task)
    assert (found.goal, found.base, found.head, found.by) == ("Races.", "main", "topic", by)
    assert "- x.py: 1 line added, 2 removed" in task
    assert ("security" in task) == (by == "concern")


def test_a_swarm_is_found_again() -> None:
    plan = NewGroup(name="n", goal="Tea or coffee?", sides=4)
    assert plan_of(group("swarm", "Tea or coffee?"), swarm_task("Tea or coffee?", plan)).sides == 4


@pytest.mark.parametrize(
    "task", ["", "words only", "x\n[1]", 'x\n{"limit": "many", "pace": true}', "x\n" + "[" * 9_999]
)
def test_a_task_that_tells_nothing_leaves_what_is_usual(task: str) -> None:
    found = plan_of(group("survey", "g"), task)
    assert (found.limit, found.pace) == (300, 12)


def test_a_goal_that_ends_with_json_is_no_settings() -> None:
    found = plan_of(group("", 'Do it.\n{"goal": "not this"}'), 'Do it.\n{"goal": "not this"}')
    assert found.goal == 'Do it.\n{"goal": "not this"}'
    assert settings_in('x\n{"a": 1}') == {"a": 1}
