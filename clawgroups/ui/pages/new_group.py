"""The page that makes a group: what it is for, who works in it, what they may do, and where it stops and asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.founding.changes import look_at_change
from clawgroups.dispatcher.founding.folders import FolderFacts, look_at, real_folder
from clawgroups.dispatcher.founding.plans import tasks_of
from clawgroups.dispatcher.founding.templates import REVIEW, SURVEY, TEMPLATES
from clawgroups.errors import ClawError, Forbidden
from clawgroups.group import commands as cmd
from clawgroups.ui.components.form.form import Body, Form
from clawgroups.ui.components.saved_templates.saved_templates import SavedList
from clawgroups.ui.pages.new_group_parts import filled, limits, needed, then, tools, who
from clawgroups.ui.pages.new_group_what import what
from clawgroups.ui.person import person
from clawgroups.ui.shell import frame, problem

PLACES = ("folder_review", "base", "head")  # what a review looks at

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
        saved = house.templates.find(template)
        first = saved.plan.template if saved is not None else template
        with frame("New group", crumbs=[("Groups", "/")], active="new"):
            SavedList(house.templates.all(), saved.id if saved is not None else "")
            sections = [what(house, first), needed(house), who(house), limits(), tools(house), then()]
            form = Form(
                f"new-group-{saved.id}" if saved is not None else "new-group",
                filled(sections, saved.plan) if saved is not None else sections,
                post="/groups",
                send="Create the group",
                sends={"start": "Create and start"},
                goto="/groups/{id}",
                summary="What will be made",
                estimate="/estimate",
            )
        form.on_check(lambda name, value, values: _check(house, form, name, value, values))


async def _check(house: Dispatcher, form: Form, name: str, value: Any, values: Body) -> None:
    """Answers what the form asks about one field, and suggests a name from it."""
    text = str(value or "").strip()
    try:
        if name in ("goal", "goal_swarm"):
            form.suggest("name", _named_after(text))
            form.told(name, value)
        elif name == "lines":
            count = len(tasks_of(text))
            form.suggest("name", f"A list of {count} tasks" if count else "")
            form.told(name, value, note=f"{count} {'task' if count == 1 else 'tasks'}." if count else "")
        elif name in PLACES:
            await _tell_change(house, form, values)
        else:
            form.told(name, value, note=await _folder(house, form, text, values) if text else "")
    except ClawError as error:
        if name == "folder":
            form.suggest("name", "")
        form.told(name, value, wrong=f"{error.sentence} {error.hint}".strip())


async def _folder(house: Dispatcher, form: Form, text: str, values: Body) -> str:
    house.accounts.check_deed(person().id, "folders")
    survey = values.get("template") == SURVEY.id
    mode = str(values.get("folder_mode") or "read")
    facts = await look_at(house, text, "read" if survey else mode)
    if survey:
        form.suggest("name", f"Survey of {Path(facts.path).name or facts.path}"[:NAME_LONGEST])
    return _found(facts, survey=survey, limit=values.get("limit"))


async def _tell_change(house: Dispatcher, form: Form, values: Body) -> None:
    """A review's places are looked at together: what is found at one of them takes back what stood at the others."""
    wrong_at, wrong, note = "", "", ""
    try:
        note = await _change(house, form, values)
    except ClawError as error:
        field = getattr(error, "field", "")
        wrong_at = field if field in PLACES else "folder_review"
        wrong = f"{error.sentence} {error.hint}".strip()
    for place in PLACES:
        said = note if place == "folder_review" else ""
        form.told(place, values.get(place), wrong=wrong if place == wrong_at else "", note=said)


async def _change(house: Dispatcher, form: Form, values: Body) -> str:
    """What a review would look at; empty while no repository is named. Raises ClawError."""
    house.accounts.check_deed(person().id, "folders")
    folder = str(values.get("folder_review") or "").strip()
    if not folder:
        return ""
    path = real_folder(folder, "worktree")
    base, head = str(values.get("base") or ""), str(values.get("head") or "")
    change = await look_at_change(house, path, base, head, count_only=True)
    form.suggest("name", f"{TEMPLATES[REVIEW.id].name}: {Path(path).name}"[:NAME_LONGEST])
    more = "more than " if change.more else ""
    lines = sum(file.added + file.removed for file in change.files)
    return f"{more}{change.count:,} {'file has' if change.count == 1 else 'files have'} changed, {lines:,} lines."


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
