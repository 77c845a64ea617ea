"""Routes around the making of a group: templates, what it may cost, and the guide of the first page."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from msgspec.structs import replace

from clawgroups.api.bodies import EstimateBody, GuideBody, NewGroupBody, TemplateBody, TemplateNameBody
from clawgroups.api.deps import Actor, House
from clawgroups.api.errors import told
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.founding.plans import NewGroup
from clawgroups.dispatcher.founding.saved_templates import SavedTemplate
from clawgroups.dispatcher.founding.templates import TEMPLATES, template_of
from clawgroups.group import commands as cmd

router = APIRouter()
Json = dict[str, Any]
SAVE, MAKE = told(404, 413, 415, 422, 503), told(413, 415, 422, 503)


def plan_asked(house: Dispatcher, body: NewGroupBody) -> NewGroup:
    """What is asked for. What a saved template has holds where nothing was said."""
    given = body.model_dump(exclude_unset=True)
    saved = house.templates.find(body.template)
    plan = saved.plan if saved is not None else NewGroup(name="")
    if saved is not None:
        given.pop("template")
    if "limits" in given:
        given["limits"] = replace(plan.limits, **given["limits"])
    return replace(plan, **given)


@router.get("/templates")
async def templates(house: House) -> Json:
    """Group templates, with the folder that the survey offers first. ``saved`` ones were made here from groups."""
    listed = [
        {
            "id": t.id,
            "name": t.name,
            "description": t.description,
            "fields": list(t.fields),
            "needs_model": t.needs_model,
            "saved": False,
        }
        for t in TEMPLATES.values()
    ]
    saved = [_saved_view(one) for one in house.templates.all()]
    return {"templates": listed + saved, "folder": str(house.settings.folder)}


@router.post("/templates", status_code=201, responses=SAVE)
async def save_template(body: TemplateBody, house: House, actor: Actor) -> Json:
    """Saves what a group was made from under a name: goal, rules, members, limits, tools and the template's own."""
    return _saved_view(await house.templates.save(body.name, body.group, actor))


@router.patch("/templates/{template_id}", responses=SAVE)
async def rename_template(template_id: str, body: TemplateNameBody, house: House, actor: Actor) -> Json:
    """Gives a saved template another name."""
    return _saved_view(await house.templates.rename(template_id, body.name, actor))


@router.delete("/templates/{template_id}", responses=told(404, 422, 503))
async def remove_template(template_id: str, house: House, actor: Actor) -> Json:
    """Removes a saved template; groups that were made from it stay."""
    await house.templates.remove(template_id, actor)
    return {"removed": template_id}


@router.post("/estimate", responses=MAKE)
async def estimate(body: EstimateBody, house: House, actor: Actor) -> Json:
    """What a group of this body may cost in money, steps and time; nothing is made."""
    return await house.estimates.of(plan_asked(house, body), actor)


@router.get("/guide")
async def guide(house: House) -> Json:
    """The first steps with their state, from what is on record."""
    return await house.guide.view()


@router.put("/guide", responses=MAKE)
async def show_guide(body: GuideBody, house: House, actor: Actor) -> Json:
    """Shows the guide on the first page, or no longer."""
    house.accounts.check(actor, cmd.CreateGroup)
    await house.guide.show(body.shown)
    return await house.guide.view()


def _saved_view(saved: SavedTemplate) -> Json:
    base = template_of(saved.plan.template)
    plan = msgspec.to_builtins(saved.plan)
    plan["limits"] = {name: getattr(saved.plan.limits, name) for name in saved.plan.limits.__struct_fields__}
    about = f"{base.name}: " if base is not None and base.id != "goal" else ""
    return {
        "id": saved.id,
        "name": saved.name,
        "description": f"{about}{' '.join((saved.plan.goal or saved.plan.folder).split())[:200]}".rstrip(": "),
        "fields": list(base.fields) if base is not None else [],
        "needs_model": bool(base and base.needs_model),
        "saved": True,
        "by": saved.by,
        "at": saved.at,
        "base": saved.plan.template or "goal",
        "values": {name: value for name, value in plan.items() if name not in ("name", "start", "template")},
    }
