"""What routes need: the dispatcher, and who is acting."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Header, Request

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import Invalid
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.members import MemberKind


def _house(request: Request) -> Dispatcher:
    return cast(Dispatcher, request.app.state.dispatcher)


House = Annotated[Dispatcher, Depends(_house)]


def _actor(house: House, x_claw_person: Annotated[str, Header()] = LOCAL_ADMIN) -> str:
    """Without accounts the server listens on loopback only, and whoever is there may act as any of its people."""
    member = house.house_members().get(x_claw_person)
    if member is None or member.kind is not MemberKind.PERSON:
        raise Invalid(f"{x_claw_person!r} is not a person of this house.", hint="See the members page.")
    return x_claw_person


Actor = Annotated[str, Depends(_actor)]
