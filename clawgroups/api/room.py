"""Routes of a group's room: what was said in it, saying something, and the standing rules."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from clawgroups.api.bodies import Body
from clawgroups.api.deps import Actor, House
from clawgroups.api.errors import told
from clawgroups.dispatcher.room import read_room
from clawgroups.dispatcher.views import group_view
from clawgroups.group import commands as cmd
from clawgroups.group.attachments import MOST

router = APIRouter(prefix="/groups/{group_id}")
Json = dict[str, Any]
Seq = Annotated[int | None, Query(ge=0, le=2**53)]
READ, WRITE = told(404, 422), told(404, 409, 413, 415, 422, 503)


class PostBody(Body):
    """Words in the room, and ids of uploaded files; one of the two may be missing."""

    text: Annotated[str, Field(max_length=100_000)] = ""
    to: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, max_length=1_000)
    attachments: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(default_factory=list, max_length=MOST)


class RulesBody(Body):
    """The standing rules, whole; ``was``: those that they replace, so that nobody's are lost unseen."""

    rules: Annotated[str, Field(max_length=200_000)]
    tell_all: bool = True
    was: Annotated[str, Field(max_length=200_000)] | None = None


@router.get("/room", responses=READ)
async def room(
    group_id: str,
    house: House,
    before: Seq = None,
    after: Seq = None,
    agent: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Json:
    """Messages in order: the newest, those before an event, or those after one; ``agent``: one sub-agent's thread."""
    return await read_room(house, group_id, before=before, after=after, agent=agent, limit=limit)


@router.post("/messages", status_code=201, responses=WRITE)
async def post_message(group_id: str, body: PostBody, house: House, actor: Actor) -> Json:
    """Says something in the room, or attaches files: to named sub-agents, or else to the conductor."""
    files = await house.attachments.claim(group_id, body.attachments)
    group = await house.command(group_id, cmd.PostMessage(body.text, tuple(body.to), files), actor)
    return group_view(group)


@router.put("/rules", responses=WRITE)
async def rules(group_id: str, body: RulesBody, house: House, actor: Actor) -> Json:
    """Replaces the standing rules; the room and the members are told."""
    command = cmd.ChangeRules(rules=body.rules, tell_all=body.tell_all, was=body.was)
    group = await house.command(group_id, command, actor)
    return group_view(group)
