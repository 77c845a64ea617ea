"""Routes of groups, templates, members, requests and the server's own state."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from clawgroups import __version__
from clawgroups.api.bodies import AnswerBody, AssignBody, MemberBody, MemberChangesBody, NewGroupBody
from clawgroups.api.deps import Actor, House
from clawgroups.api.errors import told
from clawgroups.api.opened_file import OpenedFile, opened_below
from clawgroups.api.templates import plan_asked
from clawgroups.dispatcher.founding.founding import found
from clawgroups.dispatcher.history.timeline import Window, timeline
from clawgroups.dispatcher.members.changes import MemberChanges
from clawgroups.dispatcher.views import group_view
from clawgroups.group import commands as cmd
from clawgroups.group.members import Member, MemberKind, ModelConfig, ProgramConfig
from clawgroups.ids import group_of
from clawgroups.ledger.answers import answerers, answers_page

router = APIRouter()
Json = dict[str, Any]
After = Annotated[int, Query(ge=0, le=2**53)]
Limit = Annotated[int, Query(ge=1, le=1_000)]
READ, LOOK = told(404, 422), told(404, 422, 503)
ACT, MAKE = told(404, 409, 422, 503), told(413, 415, 422, 503)


@router.get("/status")
async def status(house: House) -> Json:
    """Version, ledger, runner, and which home this server serves."""
    place = {"home": str(house.settings.home), "pid": os.getpid()}
    return {"version": __version__, **place, **house.status(), "members": len(house.registry.members())}


@router.get("/groups", responses=told(422))
async def groups(
    house: House,
    cursor: Annotated[str, Query(max_length=120)] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> Json:
    """All groups, newest first; ``next`` continues, null on the last page."""
    return await house.pages.groups(cursor, limit)


@router.post("/groups", status_code=201, responses=MAKE)
async def create(body: NewGroupBody, house: House, actor: Actor) -> Json:
    """Makes a group, and starts it when asked."""
    return group_view(await found(house, plan_asked(house, body), actor))


@router.get("/groups/{group_id}", responses=READ)
async def group(group_id: str, house: House) -> Json:
    """One group."""
    return group_view(await house.group(group_id))


_LIFE: dict[str, cmd.Command] = {
    "start": cmd.StartGroup(),
    "pause": cmd.PauseGroup(),
    "resume": cmd.ResumeGroup(),
    "cancel": cmd.CancelGroup(),
}


@router.post("/groups/{group_id}/start", responses=ACT)
async def start(group_id: str, house: House, actor: Actor) -> Json:
    """Starts it: the conductor is launched."""
    return group_view(await house.command(group_id, _LIFE["start"], actor))


@router.post("/groups/{group_id}/pause", responses=ACT)
async def pause(group_id: str, house: House, actor: Actor) -> Json:
    """Stops everybody at the next step boundary."""
    return group_view(await house.command(group_id, _LIFE["pause"], actor))


@router.post("/groups/{group_id}/resume", responses=ACT)
async def resume(group_id: str, house: House, actor: Actor) -> Json:
    """Goes on after a pause."""
    return group_view(await house.command(group_id, _LIFE["resume"], actor))


@router.post("/groups/{group_id}/cancel", responses=ACT)
async def cancel(group_id: str, house: House, actor: Actor) -> Json:
    """Ends every sub-agent."""
    return group_view(await house.command(group_id, _LIFE["cancel"], actor))


@router.get("/groups/{group_id}/agents", responses=READ)
async def agents(group_id: str, house: House) -> Json:
    """Its sub-agents."""
    return {"agents": await house.pages.agents(group_id)}


@router.get("/groups/{group_id}/events", responses=READ)
async def events(group_id: str, house: House, after: After = 0, limit: Limit = 200) -> Json:
    """The append-only record, page by page."""
    return await house.pages.events(group_id, after, limit)


@router.get("/groups/{group_id}/timeline", responses=READ)
async def timeline_of(
    group_id: str,
    house: House,
    after_ms: After = 0,
    before_ms: After = 0,
    agents: Annotated[str, Query(max_length=20_000)] = "",
) -> Response:
    """What every sub-agent did when, and the critical path; of a wide window the steps are told in sums."""
    wanted = tuple(each for each in agents.split(",") if each)
    told_so = await timeline(house, group_id, Window(after_ms, before_ms, wanted))
    return Response(
        msgspec.json.encode(told_so), media_type="application/json"
    )  # it is large: nothing looks at it again


@router.get("/groups/{group_id}/files", responses=LOOK)
async def files(group_id: str, house: House) -> Json:
    """What lies in the group's workspace."""
    group = await house.group(group_id)
    listed, _ = await house.people.changes(group.root)
    return {"files": [file for file in listed if file["status"] != "deleted"]}


@router.get("/groups/{group_id}/files/{path:path}", responses=READ)
async def file(group_id: str, path: str, house: House) -> OpenedFile:
    """A file of the group's workspace, always as a download: it may be hostile."""
    await house.group(group_id)
    return await asyncio.to_thread(opened_below, house.settings.work / group_id / "workspace", path)


@router.get("/requests", responses=READ)
async def requests(
    house: House,
    group: Annotated[str | None, Query(max_length=120)] = None,
    state: Literal["open", "answered", "withdrawn", "closed"] = "open",
) -> Json:
    """What waits for a person, oldest first; ``closed`` means answered or withdrawn."""
    if group is not None:
        await house.group(group)
    return {"requests": await house.news.requests.views(group, state)}


@router.post("/requests/{request_id}/answer", responses={**ACT, **MAKE})
async def answer(request_id: str, body: AnswerBody, house: House, actor: Actor) -> Json:
    """Answers a request, once; a second answer is refused."""
    await house.ledger.reader.request(request_id)
    command = cmd.AnswerRequest(
        request=request_id,
        decision=body.decision,
        text=body.text,
        arguments=json.dumps(body.arguments) if body.arguments is not None else "",
        scope=body.scope,
        member=body.member,
        amount=body.amount,
    )
    await house.command(group_of(request_id), command, actor)
    row: Json = await house.ledger.reader.request(request_id)
    return row


@router.post("/requests/{request_id}/assign", responses={**ACT, **MAKE})
async def assign(request_id: str, body: AssignBody, house: House, actor: Actor) -> Json:
    """Takes a request, gives it to another person, or lets it go. While a person has it, nobody else answers it."""
    await house.ledger.reader.request(request_id)
    command = cmd.AssignRequest(request=request_id, to=actor if body.to is None else body.to, was=body.was)
    group = await house.command(group_of(request_id), command, actor)
    return house.news.requests.view(group, request_id)


@router.get("/groups/{group_id}/answers", responses=LOOK)
async def answers(
    group_id: str,
    house: House,
    by: Annotated[str, Query(max_length=400, description="Only what this person answered.")] = "",
    cursor: Annotated[str, Query(max_length=120)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Json:
    """What people answered, newest first, with who answered how often; ``next`` continues, null on the last page."""
    await house.group(group_id)
    page = await answers_page(house.ledger.reader, group_id, by=by, cursor=cursor, limit=limit)
    people = await answerers(house.ledger.reader, group_id) if not cursor else []
    return {"answers": page.answers, "next": page.next or None, "people": people}


@router.get("/members")
async def members(house: House) -> Json:
    """Who can do work here."""
    return {"members": house.registry.views()}


@router.post("/members", status_code=201, responses=MAKE)
async def add_member(body: MemberBody, house: House, actor: Actor) -> Json:
    """Brings a member in."""
    model = ModelConfig(**body.model.model_dump(exclude={"api_key"})) if body.model else None
    member = Member(
        id="",
        name=body.name.strip(),
        kind=MemberKind(body.kind),
        description=body.description,
        skills=tuple(body.skills),
        capacity=body.capacity,
        model=model,
        program=ProgramConfig(command=tuple(body.program.command), env=body.program.env) if body.program else None,
    )
    added = await house.registry.add(member, body.model.api_key if body.model else "", actor)
    return house.registry.view(added)


@router.get("/members/{member_id}", responses=READ)
async def member(member_id: str, house: House) -> Json:
    """One member with its profile and load."""
    return house.registry.view(house.registry.find(member_id))


@router.patch("/members/{member_id}", responses={**ACT, **MAKE})
async def change_member(member_id: str, body: MemberChangesBody, house: House, actor: Actor) -> Json:
    """Changes what is given and keeps the rest; the key is kept unless ``api_key`` or ``key_ref`` is given."""
    given = body.model_dump(exclude_unset=True)
    model, program = given.pop("model", {}), given.pop("program", {})
    key = model.pop("api_key", None)
    for fields, name in ((given, "skills"), (program, "command")):
        if name in fields:
            fields[name] = tuple(fields[name])
    await house.registry.change(
        member_id, MemberChanges(profile=given, model=model, program=program, api_key=key), actor
    )
    return await member(member_id, house)


@router.delete("/members/{member_id}", responses=ACT)
async def remove_member(member_id: str, house: House, actor: Actor) -> Json:
    """Takes a member off the list."""
    await house.registry.remove(member_id, actor)
    return {"removed": member_id}


@router.post("/members/{member_id}/test", responses=LOOK)
async def test_member(member_id: str, house: House, actor: Actor) -> Json:
    """Whether it works, tried from the runner."""
    house.accounts.check_deed(actor, "test")
    return await house.registry.test(member_id)


@router.get("/offers", responses=told(503))
async def offers(house: House, actor: Actor) -> Json:
    """Model endpoints found on this machine; the runner knocks at ports for it."""
    house.accounts.check_deed(actor, "offers")
    return {"offers": await house.registry.offers()}
