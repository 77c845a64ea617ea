"""Routes of sub-agents: read them, take the wheel, work in their place, hand back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from clawgroups.api import bodies
from clawgroups.api.deps import Actor, House
from clawgroups.api.errors import told
from clawgroups.group import commands as cmd

router = APIRouter(prefix="/agents/{agent_id}")
Json = dict[str, Any]
READ, LOOK = told(404, 422), told(404, 422, 503)
ACT, WRITE = told(404, 409, 422, 503), told(404, 409, 413, 415, 422, 503)

# These say something sensible without a body, too.
TakeOver = Annotated[bodies.TakeOverBody, Body(default_factory=bodies.TakeOverBody)]
HandBack = Annotated[bodies.HandBackBody, Body(default_factory=bodies.HandBackBody)]
Cancel = Annotated[bodies.CancelBody, Body(default_factory=bodies.CancelBody)]


@router.get("", responses=READ)
async def agent(agent_id: str, house: House) -> Json:
    """The sub-agent with all that a person needs to drive it."""
    return await house.pages.agent(agent_id)


@router.get("/transcript", responses=READ)
async def transcript(
    agent_id: str,
    house: House,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    before: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> Json:
    """Its thread, page by page; ``before`` gives the page that ends there."""
    return await house.pages.transcript(agent_id, after=after, before=before, limit=limit)


@router.get("/files", responses=LOOK)
async def files(agent_id: str, house: House) -> Json:
    """Its workspace and what changed since the last take-over."""
    listed, diff = await house.people.changes(agent_id)
    return {"files": listed, "diff": diff}


@router.get("/files/{path:path}", responses=LOOK)
async def file(agent_id: str, path: str, house: House) -> Json:
    """A text file of its workspace."""
    return await house.people.read_file(agent_id, path)


@router.get("/folder", responses=LOOK)
async def folder(agent_id: str, house: House, path: Annotated[str, Query(max_length=4_000)] = ".") -> Json:
    """One folder of its workspace."""
    return await house.people.folder(agent_id, path)


@router.post("/take-over", responses=WRITE)
async def take_over(agent_id: str, house: House, actor: Actor, body: TakeOver) -> Json:
    """Takes the wheel, now or after this step."""
    lease_ms = int(house.settings.lease_s * 1_000)
    command = cmd.TakeOver(agent=agent_id, after_step=body.mode == "after_step", lease_ms=lease_ms)
    await house.agent_command(command, actor)
    return await house.pages.agent(agent_id)


@router.post("/take-over/withdraw", responses=ACT)
async def withdraw(agent_id: str, house: House, actor: Actor) -> Json:
    """Takes back a take-over that was asked for after this step."""
    await house.agent_command(cmd.WithdrawTakeOver(agent=agent_id), actor)
    return await house.pages.agent(agent_id)


@router.post("/lease", responses=WRITE)
async def lease(agent_id: str, body: bodies.LeaseBody, house: House, actor: Actor) -> Json:
    """A sign of life of the person at the wheel."""
    command = cmd.RenewLease(agent=agent_id, epoch=body.epoch, lease_ms=int(house.settings.lease_s * 1_000))
    changed = await house.agent_command(command, actor)
    return {"epoch": changed.epoch, "lease_until": changed.driver.lease_until if changed.driver else 0}


@router.post("/steps", responses=WRITE)
async def steps(agent_id: str, body: bodies.StepBody, house: House, actor: Actor) -> Json:
    """A turn by the person at the wheel."""
    calls = [(call.id, call.name, call.arguments) for call in body.tool_calls]
    await house.people.step(agent_id, actor, epoch=body.epoch, content=body.content, calls=calls, result=body.result)
    return await house.pages.agent(agent_id)


@router.get("/hand-back/preview", responses=LOOK)
async def preview(agent_id: str, house: House, note: Annotated[str, Query(max_length=200_000)] = "") -> Json:
    """Exactly what the agent would be told."""
    return {"text": await house.people.preview(agent_id, note)}


@router.post("/hand-back", responses=WRITE)
async def hand_back(agent_id: str, house: House, actor: Actor, body: HandBack) -> Json:
    """Gives the wheel back."""
    await house.people.hand_back(agent_id, actor, epoch=body.epoch, to=body.to, note=body.note, one_step=body.one_step)
    return await house.pages.agent(agent_id)


@router.post("/reassign", responses=WRITE)
async def reassign(agent_id: str, body: bodies.ReassignBody, house: House, actor: Actor) -> Json:
    """Gives the task to another member."""
    await house.people.reassign(agent_id, actor, to=body.to, reason=body.reason)
    return await house.pages.agent(agent_id)


@router.post("/steer", responses=WRITE)
async def steer(agent_id: str, body: bodies.SteerBody, house: House, actor: Actor) -> Json:
    """Queues words for the next step boundary."""
    await house.agent_command(cmd.SteerAgent(agent=agent_id, text=body.message), actor)
    return await house.pages.agent(agent_id)


@router.post("/pause", responses=ACT)
async def pause(agent_id: str, house: House, actor: Actor) -> Json:
    """Stops it at the next step boundary."""
    await house.agent_command(cmd.PauseAgent(agent=agent_id), actor)
    return await house.pages.agent(agent_id)


@router.post("/resume", responses=ACT)
async def resume(agent_id: str, house: House, actor: Actor) -> Json:
    """Lets it go on."""
    await house.agent_command(cmd.ResumeAgent(agent=agent_id), actor)
    return await house.pages.agent(agent_id)


@router.post("/cancel", responses=WRITE)
async def cancel(agent_id: str, house: House, actor: Actor, body: Cancel) -> Json:
    """Ends it."""
    await house.agent_command(cmd.CancelAgent(agent=agent_id, hand_up=body.children == "hand_up"), actor)
    return await house.pages.agent(agent_id)


@router.post("/fork", status_code=201, responses=WRITE)
async def fork(agent_id: str, body: bodies.ForkBody, house: House, actor: Actor) -> Json:
    """A new sub-agent that shares the thread up to a step."""
    before, _ = await house.agent(agent_id)
    command = cmd.ForkAgent(agent=agent_id, step=body.step, member=body.member, instead=body.instead)
    group = await house.command(before.id, command, actor)
    made = max(group.agents.values(), key=lambda a: a.number)
    return house.pages.tile(group, made)
