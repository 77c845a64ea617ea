"""What routes need: the dispatcher, and who is acting."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from clawgroups.dispatcher.accounts.sign_ins import Who
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import Invalid, NotSignedIn
from clawgroups.group.members import MemberKind


def _house(request: Request) -> Dispatcher:
    return cast(Dispatcher, request.app.state.dispatcher)


House = Annotated[Dispatcher, Depends(_house)]


def _who(request: Request, house: House) -> Who:
    return who_asks(request, house)


def who_asks(connection: HTTPConnection, house: Dispatcher) -> Who:
    """Who asks, by a request or a socket. Raises NotSignedIn, Invalid for one who is no person of the house.

    Without accounts whoever is on this machine may act as any of its people, by the header X-Claw-Person.
    """
    who: Who | None = getattr(connection.state, "who", None)
    if who is None:
        raise NotSignedIn()
    member = house.house_members().get(who.id)
    if member is None or member.kind is not MemberKind.PERSON:
        raise Invalid(f"{who.id!r} is not a person of this house.", hint="See the members page.")
    return who


Asker = Annotated[Who, Depends(_who)]


def _actor(who: Asker) -> str:
    return who.id


Actor = Annotated[str, Depends(_actor)]


def _admin(house: House, who: Asker) -> Who:
    if not who.open:  # the home's own key, or no accounts yet
        house.accounts.check_deed(who.id, "accounts")
    return who


Admin = Annotated[Who, Depends(_admin)]


def address_of(request: Request) -> str:
    """Where a request comes from, for counting wrong passwords."""
    return request.client.host if request.client else ""
