"""What a group is for: the fields of each template in the new-group form, which shows only those it asks for."""

from __future__ import annotations

from typing import Any

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.founding.templates import GOAL, LIST, REVIEW, SURVEY, SWARM, TEMPLATES, Template
from clawgroups.ui.components.form.form import Input, Option, Section

LONGEST = 200_000
TOLD = "On the server's machine."


def only(*templates: str) -> dict[str, Any]:
    """Shown only with these templates. In the form a goal of one's own is an empty word, as in a group."""
    return {"template": ["" if one == GOAL.id else one for one in templates]}


def what(house: Dispatcher, template: str) -> Section:
    """What the group is for."""
    picks = tuple(
        Option(value="" if one is GOAL else one.id, label=one.name, about=one.description, tag=_tag(one))
        for one in TEMPLATES.values()
    )
    chosen = "" if template in (GOAL.id, "") else template if template in TEMPLATES else SURVEY.id
    pick = Input(name="template", label="Template", kind="pick", options=picks, value=chosen, brief="Template")
    name = Input(
        name="name",
        label="Name",
        longest=120,
        brief="Name",
        wide=True,
        hint="Left empty, it is named after the folder, the goal or the list.",
    )
    rules = Input(
        name="rules",
        label="Standing rules",
        kind="long",
        rows=2,
        longest=LONGEST,
        placeholder="What holds for everybody here: tone, sources, what to leave alone.",
    )
    first, *given = _folders(house)
    return Section(title="What it is for", inputs=(pick, first, *_review(house), *_goals(), name, *given, rules))


def _tag(template: Template) -> str:
    return "needs a model" if template.needs_model or template is GOAL else ""


def _goals() -> tuple[Input, ...]:
    goal = Input(
        name="goal",
        label="Goal",
        kind="long",
        when=only(GOAL.id),
        check=True,
        need="Say what the group is to reach.",
        longest=LONGEST,
        placeholder="What is to be reached, and how one sees that it is.",
    )
    survey = Input(
        name="goal_survey",
        path="goal",
        label="Goal",
        kind="long",
        when=only(SURVEY.id),
        rows=2,
        longest=LONGEST,
        placeholder="Survey the folder and write a report.",
        hint="A program follows its own plan; a model reads these words.",
    )
    review = Input(
        name="goal_review",
        path="goal",
        label="What to look for",
        kind="long",
        when=only(REVIEW.id),
        rows=2,
        longest=LONGEST,
        placeholder="Anything that is wrong. Or say what matters here: a migration, a race, a public interface.",
    )
    return goal, survey, review, *_swarm(), *_list()


def _swarm() -> tuple[Input, ...]:
    question = Input(
        name="goal_swarm",
        path="goal",
        label="Question",
        kind="long",
        when=only(SWARM.id),
        check=True,
        need="Write the question.",
        longest=LONGEST,
        placeholder="One question, with what one needs to know to answer it.",
    )
    sides = Input(
        name="sides",
        label="Sides it is looked at from",
        kind="number",
        whole=True,
        low=2,
        high=20,
        value="5",
        when=only(SWARM.id),
        brief="Sides",
        hint="A sub-agent for each.",
    )
    return question, sides


def _list() -> tuple[Input, ...]:
    lines = Input(
        name="lines",
        label="The list",
        kind="long",
        rows=8,
        when=only(LIST.id),
        check=True,
        need="Write one task on each line.",
        longest=LONGEST,
        placeholder="One task on each line, for example:\nCheck the links in index.html\nCheck those in guide.html",
        hint="Empty lines and marks such as - or 1. are left out. At most 300 tasks.",
    )
    common = Input(
        name="goal_list",
        path="goal",
        label="What holds for every line",
        kind="long",
        rows=2,
        when=only(LIST.id),
        longest=LONGEST,
        placeholder="May stay empty. It is put before each task.",
    )
    at_once = Input(
        name="at_once",
        label="Tasks at once",
        kind="number",
        whole=True,
        low=1,
        high=300,
        value="8",
        when=only(LIST.id),
        brief="At once",
    )
    return lines, common, at_once


def _review(house: Dispatcher) -> tuple[Input, ...]:
    by = (
        Option(value="file", label="Each changed file"),
        Option(
            value="concern",
            label="Each concern",
            about="Correctness, security, tests, clarity: each looks through the whole change.",
        ),
    )
    when = only(REVIEW.id)
    return (
        Input(
            name="folder_review",
            path="folder",
            label="Repository",
            when=when,
            check=True,
            mono=True,
            wide=True,
            value=str(house.settings.folder),
            need="The review needs a repository.",
            longest=4_000,
            brief="Folder",
            hint=f"{TOLD} It is only read.",
        ),
        Input(
            name="base",
            label="From",
            when=when,
            check=True,
            mono=True,
            longest=200,
            brief="From",
            placeholder="the last commit",
            zero="the last commit",
            hint="A branch, tag or commit, such as main. Left empty: the last commit.",
        ),
        Input(
            name="head",
            label="To",
            when=when,
            check=True,
            mono=True,
            longest=200,
            brief="To",
            placeholder="what lies in the folder",
            zero="what lies in the folder",
            hint="Left empty: what lies in the folder, committed or not.",
        ),
        Input(name="by", label="A sub-agent for", kind="choice", when=when, options=by, value="file", brief="Split by"),
    )


def _folders(house: Dispatcher) -> tuple[Input, ...]:
    modes = (
        Option(
            value="read", label="Read only", about="Everybody can read it; what they write goes into their workspaces."
        ),
        Option(
            value="worktree",
            label="Git worktree",
            about="Every sub-agent gets a worktree of the repository to change; your checkout stays as it is.",
        ),
    )
    survey = Input(
        name="folder",
        label="Folder",
        when=only(SURVEY.id),
        check=True,
        mono=True,
        wide=True,
        value=str(house.settings.folder),
        need="The survey needs a folder.",
        longest=4_000,
        brief="Folder",
        hint=f"{TOLD} It is only read.",
    )
    goal = Input(
        name="folder_goal",
        path="folder",
        label="Folder to work on",
        when=only(GOAL.id, SWARM.id, LIST.id),
        check=True,
        mono=True,
        longest=4_000,
        brief="Folder",
        hint=f"{TOLD} May stay empty.",
    )
    when = only(GOAL.id, LIST.id)
    mode = Input(name="folder_mode", label="How it is given", kind="choice", when=when, options=modes, value="read")
    return survey, goal, mode
