"""The page that makes a group: what it is for, who works in it, what they may do, and where it stops and asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.folders import FolderFacts, look_at
from clawgroups.dispatcher.templates import CONDUCTOR, TEMPLATES, WORKER
from clawgroups.errors import ClawError, Forbidden
from clawgroups.group import commands as cmd
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Limits
from clawgroups.ui.components.form.choices import member_options, tool_options
from clawgroups.ui.components.form.form import Body, Form, Input, Option, Section
from clawgroups.ui.person import person
from clawgroups.ui.shell import frame, problem

SURVEY: dict[str, list[Any]] = {"template": ["survey"]}
GOAL: dict[str, list[Any]] = {"template": [""]}
NAME_WORDS, NAME_LONGEST = 8, 80


def register(house: Dispatcher) -> None:
    """Adds the page ``/new``."""

    @ui.page("/new")
    async def new_group(template: str = "survey") -> None:
        try:
            house.accounts.check(person().id, cmd.CreateGroup)
        except Forbidden as error:
            problem(error, title="New group")
            return
        with frame("New group", crumbs=[("Groups", "/")], active="new"):
            form = Form(
                "new-group",
                [_what(house, template), _who(house), _limits(), _tools(house), _then()],
                post="/groups",
                send="Create the group",
                sends={"start": "Create and start"},
                goto="/groups/{id}",
                summary="What will be made",
            )
        form.on_check(lambda name, value, values: _check(house, form, name, value, values))


async def _check(house: Dispatcher, form: Form, name: str, value: Any, values: Body) -> None:
    text = str(value or "").strip()
    if name == "goal":
        form.suggest("name", _named_after(text))
        form.told(name, value)
        return
    if not text:
        form.told(name, value)
        return
    survey = values.get("template") == "survey"
    try:
        house.accounts.check_deed(person().id, "folders")
        mode = str(values.get("folder_mode") or "read")
        facts = await look_at(house, text, mode)
    except ClawError as error:
        if survey:
            form.suggest("name", "")
        form.told(name, value, wrong=f"{error.sentence} {error.hint}".strip())
        return
    if survey:
        form.suggest("name", f"Survey of {Path(facts.path).name or facts.path}"[:NAME_LONGEST])
    form.told(name, value, note=_found(facts, survey=survey, limit=values.get("limit")))


def _found(facts: FolderFacts, *, survey: bool, limit: Any) -> str:
    """What was found in the folder, in one sentence."""
    git = " It is a git repository." if facts.git else ""
    if facts.files is None:
        return f"The folder is there. No runner is up yet to count its files.{git}"
    more = "more than " if facts.more else ""
    if not survey:
        return f"The folder is there, with {more}{facts.files + facts.left_out:,} files.{git}"
    left_out = f"; {facts.left_out:,} without text are left out" if facts.left_out else ""
    most = int(str(limit)) if str(limit).isdigit() else 300
    taken = min(facts.files, most)
    if facts.files == 0:
        return f"There is nothing to survey in it{left_out}."
    if taken < facts.files or facts.more:
        return f"It has {more}{facts.files:,} files to survey: the first {taken:,} get a sub-agent each{left_out}."
    return f"{facts.files:,} {'file gets' if facts.files == 1 else 'files get'} a sub-agent each{left_out}."


def _named_after(goal: str) -> str:
    """A name made of the goal's first words."""
    first = next((line for line in goal.splitlines() if line.strip()), "")
    words = first.split()
    name = " ".join(words[:NAME_WORDS])[:NAME_LONGEST].rstrip(" .,;:")
    return f"{name}…" if name and len(words) > NAME_WORDS else name


# --- the parts of the form -------------------------------------------------------------------------


def _what(house: Dispatcher, template: str) -> Section:
    survey = TEMPLATES["survey"]
    folder, *given = _folders(house)
    picks = (
        Option(value="survey", label=survey.name, about=survey.description),
        Option(
            value="",
            label="A goal of your own",
            about="A conductor splits your goal into tasks, gives each to a sub-agent and puts the answers together.",
        ),
    )
    return Section(
        title="What it is for",
        inputs=(
            Input(
                name="template",
                label="Template",
                kind="pick",
                options=picks,
                value="" if template in ("goal", "") else "survey",
                brief="Template",
            ),
            folder,
            *_goals(),
            Input(
                name="name",
                label="Name",
                longest=120,
                brief="Name",
                wide=True,
                hint="Left empty, it is named after the folder or the goal.",
            ),
            *given,
            Input(
                name="rules",
                label="Standing rules",
                kind="long",
                rows=2,
                longest=200_000,
                placeholder="What holds for everybody here: tone, sources, what to leave alone.",
            ),
        ),
    )


def _goals() -> tuple[Input, ...]:
    return (
        Input(
            name="goal",
            label="Goal",
            kind="long",
            when=GOAL,
            check=True,
            need="Say what the group is to reach.",
            longest=200_000,
            placeholder="What is to be reached, and how one sees that it is.",
        ),
        Input(
            name="goal_survey",
            path="goal",
            label="Goal",
            kind="long",
            when=SURVEY,
            rows=2,
            longest=200_000,
            placeholder="Survey the folder and write a report.",
            hint="A program follows its own plan; a model reads these words.",
        ),
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
    told = "On the server's machine."
    return (
        Input(
            name="folder",
            label="Folder",
            when=SURVEY,
            check=True,
            mono=True,
            wide=True,
            value=str(house.settings.folder),
            need="The survey needs a folder.",
            longest=4_000,
            brief="Folder",
            hint=f"{told} It is only read.",
        ),
        Input(
            name="folder_goal",
            path="folder",
            label="Folder to work on",
            when=GOAL,
            check=True,
            mono=True,
            longest=4_000,
            brief="Folder",
            hint=f"{told} May stay empty.",
        ),
        Input(name="folder_mode", label="How it is given", kind="choice", when=GOAL, options=modes, value="read"),
    )


def _who(house: Dispatcher) -> Section:
    members = list(house.house_members().values())
    everybody = member_options(members)
    own = member_options(member for member in members if not member.bundled)
    first = _first_conductor(members)
    worker = Option(value="", label="The same as the conductor", about="One member plans and does the tasks.")
    told = "Takes the sub-agents for which the conductor names nobody."
    return Section(
        title="Who works in it",
        about="A program follows fixed rules and knows no language; a model decides by itself; a person is asked."
        + ("" if any(m.kind is MemberKind.MODEL for m in members) else " No model is a member yet."),
        link="/members",
        link_words="See the members.",
        inputs=(
            Input(
                name="conductor",
                label="Conductor",
                kind="choice",
                when=SURVEY,
                options=everybody,
                value=CONDUCTOR,
                brief="Conductor",
            ),
            Input(
                name="worker",
                label="Workers",
                kind="choice",
                when=SURVEY,
                options=everybody,
                value=WORKER,
                brief="Workers",
                hint=told,
            ),
            Input(
                name="conductor_goal",
                path="conductor",
                label="Conductor",
                kind="choice",
                when=GOAL,
                options=own,
                value=first,
                brief="Conductor",
                hint="Splits the goal and hands out the tasks.",
            ),
            Input(
                name="worker_goal",
                path="worker",
                label="Workers",
                kind="choice",
                when=GOAL,
                options=(worker, *own),
                brief="Workers",
                hint=told,
            ),
        ),
    )


def _first_conductor(members: list[Member]) -> str:
    models = [member.id for member in members if member.kind is MemberKind.MODEL]
    return models[0] if models else person().id


def _limits() -> Section:
    usual = Limits()
    return Section(
        title="Limits",
        about="At a limit the group does not die: it stops and asks you.",
        folded=True,
        inputs=(
            _number("limits.max_live", "Sub-agents at once", "Live", usual.max_live, 1, 1_000),
            _number("limits.max_steps", "Steps of the whole group", "Steps", usual.max_steps, 1, 10_000_000),
            _number("limits.budget_usd", "Budget in USD", "Budget", 0, 0, 1e12, whole=False, zero="none", unit="$"),
            _number("limits.hours", "Hours", "Hours", 0, 0, 1e6, whole=False, zero="no limit"),
            Input(
                name="limit",
                label="Files at most",
                kind="number",
                value="300",
                whole=True,
                low=1,
                high=300,
                when=SURVEY,
                check=False,
            ),
            Input(
                name="pace",
                label="Words a second of the bundled worker",
                kind="number",
                value="12",
                whole=True,
                low=0,
                high=1_000,
                when=SURVEY,
                hint="So that one can watch it. 0: as fast as it can.",
            ),
        ),
    )


def _number(
    path: str,
    label: str,
    brief: str,
    value: int,
    low: float,
    high: float,
    *,
    whole: bool = True,
    zero: str = "",
    unit: str = "",
) -> Input:
    return Input(
        name=path,
        label=label,
        kind="number",
        brief=brief,
        value=str(value),
        low=low,
        high=high,
        whole=whole,
        zero=zero,
        unit=unit,
        hint=f"0: {zero}." if zero else "",
    )


def _tools(house: Dispatcher) -> Section:
    return Section(
        title="What the tools may do",
        about="Allow: a call starts by itself. Ask: it waits for a person. Deny: the tool is not there.",
        folded=True,
        inputs=(
            Input(
                name="policies",
                label="Tools",
                kind="tools",
                options=tool_options(house.people.tools("")),
                value={},
                brief="Tools",
                placeholder="No runner is up yet; its tools show once it is.",
            ),
        ),
    )


def _then() -> Section:
    start = Input(name="start", label="Start right away", kind="check", value=True, brief="Start", wide=True)
    return Section(title="Then", inputs=(start,), end=True)
