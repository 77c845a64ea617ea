"""Makes groups from what a person asked for: template, folder, members, limits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from clawgroups.dispatcher.folders import real_folder
from clawgroups.dispatcher.plans import NewGroup
from clawgroups.dispatcher.templates import CONDUCTOR, TEMPLATES, WORKER, SurveyTask, conductor_prompt, survey_task
from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Group
from clawgroups.ids import new_id

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher


async def found(dispatcher: Dispatcher, plan: NewGroup, actor: str) -> Group:
    """Creates, and starts where asked. Raises Forbidden, or Invalid for a folder or member that is not there."""
    dispatcher.accounts.check(actor, cmd.CreateGroup)  # before anything is told of folders
    if plan.template and plan.template not in TEMPLATES:
        hint = f"Templates: {', '.join(TEMPLATES)}."
        raise Invalid(f"There is no template {plan.template!r}.", hint=hint, field="template")
    folder = await asyncio.to_thread(real_folder, plan.folder, plan.folder_mode)
    if plan.template == "survey" and not folder:
        raise Invalid("The survey needs a folder.", hint="Give the path of a folder on this machine.", field="folder")
    members = dispatcher.house_members()
    conductor = _member(members, plan.conductor or (CONDUCTOR if plan.template else ""), "conductor")
    worker = _member(members, plan.worker, "worker") if plan.worker else _default_worker(members, conductor, plan)
    group_id = new_id()
    goal = plan.goal or f"Survey the folder {folder} and write a report."
    command = cmd.CreateGroup(
        group=group_id,
        name=plan.name,
        goal=goal,
        rules=plan.rules,
        conductor=conductor.id,
        worker=worker.id,
        members=tuple(members.values()),
        task=_task(plan, conductor, worker, goal),
        system_prompt=conductor_prompt(plan.rules) if conductor.kind is MemberKind.MODEL else "",
        template=plan.template,
        folder=folder,
        folder_mode=plan.folder_mode if folder else "none",
        limits=plan.limits,
        policies=plan.policies,
    )
    group = await dispatcher.command(group_id, command, actor)
    await dispatcher.registry.freshen(group)  # one of them may have been changed meanwhile
    return await dispatcher.command(group_id, cmd.StartGroup(), actor) if plan.start else group


def _task(plan: NewGroup, conductor: Member, worker: Member, goal: str) -> str:
    if plan.template != "survey":
        return goal
    settings = SurveyTask(limit=plan.limit, worker=worker.id, pace=plan.pace if plan.pace is not None else 12)
    return survey_task(goal, settings, for_model=conductor.kind is MemberKind.MODEL)


def _member(members: dict[str, Member], wanted: str, role: str) -> Member:
    if not wanted:
        raise Invalid(f"The group needs a {role}.", hint="Name a member; see the members page.", field=role)
    found_member = members.get(wanted) or next((m for m in members.values() if m.name == wanted), None)
    if found_member is None:
        hint = f"Members: {', '.join(members)}."
        raise Invalid(f"There is no member {wanted!r} to be the {role}.", hint=hint, field=role)
    return found_member


def _default_worker(members: dict[str, Member], conductor: Member, plan: NewGroup) -> Member:
    if plan.template == "survey" and conductor.kind is not MemberKind.MODEL:
        return members[WORKER]
    return conductor
