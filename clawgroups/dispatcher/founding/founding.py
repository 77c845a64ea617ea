"""Makes groups from what a person asked for: template, folder, members, limits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from clawgroups.dispatcher.founding.changes import Change, look_at_change
from clawgroups.dispatcher.founding.folders import real_folder
from clawgroups.dispatcher.founding.plans import NewGroup, tasks_of
from clawgroups.dispatcher.founding.template_tasks import (
    conductor_prompt,
    goal_task,
    list_task,
    review_task,
    survey_task,
    swarm_task,
)
from clawgroups.dispatcher.founding.templates import GOAL, LIST, REVIEW, SURVEY, SWARM, TEMPLATES, Template
from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Group
from clawgroups.ids import new_id

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher


class Crew(Struct, frozen=True):
    """Who conducts, and who takes the sub-agents for which nobody is named."""

    conductor: Member
    worker: Member


async def found(dispatcher: Dispatcher, plan: NewGroup, actor: str) -> Group:
    """Creates, and starts where asked. Raises Forbidden, or Invalid for a folder or member that is not there."""
    dispatcher.accounts.check(actor, cmd.CreateGroup)  # before anything is told of folders
    template = template_asked(plan)
    folder = await folder_of(plan, template)
    members = dispatcher.house_members()
    crew = crew_of(members, plan, template)
    change = None
    if template is REVIEW:
        change = await look_at_change(dispatcher, folder, plan.base, plan.head, count_only=False)
    goal = plan.goal or _own_goal(template, folder, plan)
    group_id = new_id()
    command = cmd.CreateGroup(
        group=group_id,
        name=plan.name,
        goal=goal,
        rules=plan.rules,
        conductor=crew.conductor.id,
        worker=crew.worker.id,
        members=tuple(members.values()),
        task=_task(template, plan, crew, goal, change),
        system_prompt=conductor_prompt(plan.rules) if crew.conductor.kind is MemberKind.MODEL else "",
        template="" if template is GOAL else template.id,
        folder=folder,
        folder_mode=plan.folder_mode if folder else "none",
        limits=replace(plan.limits, max_live=min(plan.limits.max_live, plan.at_once))
        if template is LIST
        else plan.limits,
        policies=plan.policies,
    )
    group = await dispatcher.command(group_id, command, actor)
    await dispatcher.registry.freshen(group)  # one of them may have been changed meanwhile
    return await dispatcher.command(group_id, cmd.StartGroup(), actor) if plan.start else group


def template_asked(plan: NewGroup) -> Template:
    """Raises Invalid for one that is not there, or a plan without what it is about."""
    template = TEMPLATES.get(plan.template or GOAL.id)
    if template is None:
        hint = f"Templates: {', '.join(TEMPLATES)}."
        raise Invalid(f"There is no template {plan.template!r}.", hint=hint, field="template")
    if template is SWARM and not plan.goal.strip():
        raise Invalid("The swarm needs a question.", hint="Write it as the goal.", field="goal")
    if template is LIST and not tasks_of(plan.lines):
        raise Invalid("The list is empty.", hint="Write one task on each line.", field="lines")
    return template


async def folder_of(plan: NewGroup, template: Template) -> str:
    """The folder's real path; empty where there is none. Raises Invalid where the template needs one."""
    mode = "worktree" if template is REVIEW else plan.folder_mode
    folder = await asyncio.to_thread(real_folder, plan.folder, mode)
    if template in (SURVEY, REVIEW) and not folder:
        sentence = "The survey needs a folder." if template is SURVEY else "The review needs a repository."
        raise Invalid(sentence, hint="Give the path of a folder on this machine.", field="folder")
    if template is REVIEW and plan.folder_mode == "worktree":
        raise Invalid("A review only reads its repository.", hint="Leave folder_mode out.", field="folder_mode")
    return folder


def crew_of(members: dict[str, Member], plan: NewGroup, template: Template) -> Crew:
    """Raises Invalid for members that are not there, or that the template cannot be conducted by."""
    wanted = plan.conductor or template.conductor or (_first_model(members) if template.needs_model else "")
    if template.needs_model and not wanted:
        hint = "Bring one in on the members page, or name the member who is to conduct."
        raise Invalid(f"{template.name} needs a model, and none is a member yet.", hint=hint, field="conductor")
    conductor = _member(members, wanted, "conductor")
    if conductor.bundled and conductor.id != template.conductor and template in (REVIEW, SWARM, LIST):
        hint = "Choose a model, a person or a program of your own."
        sentence = f"{conductor.name} is a bundled program and cannot conduct this."
        raise Invalid(sentence, hint=hint, field="conductor")
    return Crew(conductor, _worker(members, conductor, plan, template))


def _worker(members: dict[str, Member], conductor: Member, plan: NewGroup, template: Template) -> Member:
    if plan.worker:
        return _member(members, plan.worker, "worker")
    if template is LIST:
        raise Invalid("Who is to do the tasks?", hint="Choose a member as the worker.", field="worker")
    if template is SURVEY and conductor.kind is not MemberKind.MODEL:
        return members[template.worker]
    return conductor


def _own_goal(template: Template, folder: str, plan: NewGroup) -> str:
    """The goal where nobody wrote one."""
    match template.id:
        case SURVEY.id:
            return f"Survey the folder {folder} and write a report."
        case REVIEW.id:
            until = f"from {plan.base} to {plan.head}" if plan.head else f"since {plan.base or 'the last commit'}"
            return f"Review the change of {Path(folder).name} {until}."
        case LIST.id:
            count = len(tasks_of(plan.lines))
            return f"Do the {count} tasks of the list." if count > 1 else "Do the one task of the list."
        case _:
            return plan.name  # it says at least that much


def _task(template: Template, plan: NewGroup, crew: Crew, goal: str, change: Change | None) -> str:
    """What the conductor is told."""
    for_model = crew.conductor.kind is MemberKind.MODEL
    if change is not None:
        return review_task(goal, plan, change)
    match template.id:
        case SURVEY.id:
            return survey_task(goal, plan, crew.worker.id, for_model=for_model)
        case LIST.id:
            return list_task(goal, plan, crew.worker.id, for_model=for_model)
        case SWARM.id:
            return swarm_task(goal, plan)
        case _:
            return goal_task(goal)


def _first_model(members: dict[str, Member]) -> str:
    models = sorted((m.name.lower(), m.id) for m in members.values() if m.kind is MemberKind.MODEL)
    return models[0][1] if models else ""


def _member(members: dict[str, Member], wanted: str, role: str) -> Member:
    if not wanted:
        raise Invalid(f"The group needs a {role}.", hint="Name a member; see the members page.", field=role)
    found_member = members.get(wanted) or next((m for m in members.values() if m.name == wanted), None)
    if found_member is None:
        hint = f"Members: {', '.join(members)}."
        raise Invalid(f"There is no member {wanted!r} to be the {role}.", hint=hint, field=role)
    return found_member
