"""The backend as a member: made when it first says what it serves, and kept in step with what it says later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from clawgroups.group.members import Member, MemberKind, ModelConfig

if TYPE_CHECKING:
    from clawgroups.dispatcher.backend.shapes import Status
    from clawgroups.dispatcher.dispatcher import Dispatcher

MEMBER = "backend"
OWN_KEY = "secret:backend-api"
"""The key of one that is started here; one elsewhere must not be shown it."""


async def follow(house: Dispatcher, status: Status, key_ref: str) -> None:
    """Makes or changes the member where what is served has changed. Raises ClawError.

    Its name, skills, prices and temperature are people's to change and stay as they are.
    """
    if not status.url or status.state != "ready":
        return
    known = house.house_members().get(MEMBER)
    fresh = _as_served(known or _new(house), status, key_ref)
    if fresh != known:
        await house.registry.put_own(fresh)


def _new(house: Dispatcher) -> Member:
    taken = {member.name.lower() for member in house.registry.members()}
    name = next(
        name for name in ("Backend", *(f"Backend {n}" for n in range(2, len(taken) + 3))) if name.lower() not in taken
    )
    return Member(
        id=MEMBER,
        name=name,
        kind=MemberKind.MODEL,
        description="The model that this installation serves itself.",
        model=ModelConfig(base_url="", model=""),
    )


def _as_served(member: Member, status: Status, key_ref: str) -> Member:
    model = member.model or ModelConfig(base_url="", model="")
    return replace(
        member,
        model=replace(
            model,
            base_url=status.url,
            model=status.served_name,
            context=status.context,
            sees=status.sees,
            key_ref=key_ref or ("" if model.key_ref == OWN_KEY else model.key_ref),
        ),
    )
