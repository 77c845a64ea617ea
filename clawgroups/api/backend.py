"""Routes of the backend: how the bundled model server does, and for admins which one it is and whether it runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from clawgroups.api.bodies import Body
from clawgroups.api.deps import Actor, Asker, House
from clawgroups.api.errors import told

router = APIRouter(prefix="/backend")
Json = dict[str, Any]
Source = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=r"^[^\x00-\x1f]*$")]
Option = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]


class BackendBody(Body):
    """Which backend it is to be. ``source``: a checkpoint's folder, the address of a control, or "" for none.

    ``token``: what a control elsewhere wants to be shown; left out, the one that is kept stays.
    """

    source: Source = ""
    options: list[Option] = Field(default_factory=list, max_length=100)
    token: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] | None = None


@router.get("")
async def backend(house: House, who: Asker) -> Json:
    """What is set, whether its process runs, and what it said last; its options to admins alone."""
    return house.backend.view(whole=who.open or house.accounts.may(who.id, "settings"))


@router.get("/samples", responses=told(404, 422, 503))
async def samples(house: House, who: Asker, after: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0) -> Json:
    """Its figures since a Unix time in seconds, oldest first."""
    return {"samples": await house.backend.samples(after)}


@router.get("/log", responses=told(403, 404, 422, 503))
async def log(house: House, who: Asker, after: Annotated[int, Query(ge=0)] = 0) -> Json:
    """Lines of its log after a line's number, oldest first; for admins, since a log may tell more than is meant."""
    if not who.open:
        house.accounts.check_deed(who.id, "settings")
    return {"lines": await house.backend.log_lines(after)}


@router.put("", responses=told(403, 409, 413, 415, 422, 503))
async def set_backend(body: BackendBody, house: House, actor: Actor) -> Json:
    """Sets another backend, or none. One that was started here is drained first."""
    await house.backend.change(body.source, tuple(body.options), body.token, actor)
    return house.backend.view()


@router.post("/{word}", responses=told(403, 404, 422, 503))
async def act(word: Literal["start", "stop", "restart"], house: House, actor: Actor) -> Json:
    """Starts, stops or restarts its engine."""
    await house.backend.act(word, actor)
    return house.backend.view()
