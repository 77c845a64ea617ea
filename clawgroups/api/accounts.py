"""Routes of accounts, for admins: who may sign in, with which role."""

from __future__ import annotations

import logging
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Body as Given
from pydantic import Field

from clawgroups.api.bodies import Body
from clawgroups.api.deps import Admin, House
from clawgroups.api.errors import told
from clawgroups.dispatcher.accounts.rights import Role
from clawgroups.errors import Invalid

log = logging.getLogger("clawgroups.accounts")
router = APIRouter(prefix="/accounts")
Json = dict[str, Any]
Roles = Literal["viewer", "operator", "driver", "admin"]
READ = told(401, 403, 404, 422)
MAKE, CHANGE = told(401, 403, 409, 413, 415, 422, 503), told(401, 403, 404, 409, 413, 415, 422, 503)


class NewAccountBody(Body):
    """Somebody who may sign in. ``member``: a person who is a member already, in place of a new one.

    ``password`` is for the very first account alone; everybody else chooses one by an invitation's link.
    """

    sign_in_name: str = Field(max_length=200)
    role: Roles = "viewer"
    name: str = Field("", max_length=120)
    member: str = Field("", max_length=120)
    password: str = Field("", max_length=2_000)


class AccountChangesBody(Body):
    """What is to change; the rest stays."""

    role: Roles | None = None
    disabled: bool | None = None
    password: str | None = Field(None, max_length=2_000)


class TokenNameBody(Body):
    """A name by which one knows the token again; empty: when it was made."""

    name: str = Field("", max_length=120)


Named = Annotated[TokenNameBody, Given(default_factory=lambda: TokenNameBody.model_validate({}))]


@router.get("", responses=READ)
async def accounts(house: House, admin: Admin) -> Json:
    """All accounts."""
    return {"accounts": house.accounts.views()}


@router.get("/changes", responses=READ)
async def changes(
    house: House,
    admin: Admin,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Json:
    """What was done to accounts, by whom and when, newest first; ``next`` is the ``before`` of older ones."""
    found = await house.accounts.changes(before=before, limit=limit)
    return {"changes": found, "next": found[-1]["seq"] if len(found) == limit else None}


@router.post("", status_code=201, responses=MAKE)
async def add(body: NewAccountBody, house: House, admin: Admin) -> Json:
    """A new account with a one-time ``invitation``; the first one of a server is an admin's, with a password."""
    if not house.accounts.in_force and body.password:
        if body.role != "admin":
            raise Invalid("The first account is an admin's.", hint="Give it the role admin.", field="role")
        first = await house.accounts.first(body.name, body.sign_in_name, body.password)
        return house.accounts.view(first) | {"invitation": ""}
    if body.password:
        hint = "Leave the password out and pass the invitation on."
        raise Invalid("People choose their own password.", hint=hint, field="password")
    name = body.name.strip() or body.sign_in_name.strip()
    key, made = await house.accounts.add(name, body.sign_in_name, Role(body.role), admin.id, member=body.member)
    return house.accounts.view(made) | {"invitation": _way(key)}


@router.patch("/{account_id}", responses=CHANGE)
async def change(account_id: str, body: AccountChangesBody, house: House, admin: Admin) -> Json:
    """Role, disabled, password: holds at once, also for pages that are open."""
    account = house.accounts.find(account_id)
    if body.role is not None:
        await house.accounts.set_role(account.id, Role(body.role), admin.id)
    if body.disabled is not None:
        await house.accounts.set_disabled(account.id, body.disabled, admin.id)
    if body.password is not None:
        await house.accounts.set_password(account.id, body.password, admin.id, but=admin.sign_in)
    log.info("%s changed %s of %s", admin.id, ", ".join(body.model_fields_set), account.id, extra={"action": "account"})
    return house.accounts.view(house.accounts.find(account.id))


@router.post("/{account_id}/invitation", responses=CHANGE)
async def invite(account_id: str, house: House, admin: Admin) -> Json:
    """A new one-time link, for somebody who lost the first one or forgot the password."""
    key, account = await house.accounts.invite(account_id, admin.id)
    return house.accounts.view(account) | {"invitation": _way(key)}


@router.post("/{account_id}/sign-out", responses=CHANGE)
async def sign_out(account_id: str, house: House, admin: Admin) -> Json:
    """Signs a person out in all browsers."""
    account = house.accounts.find(account_id)
    await house.accounts.sign_ins.end_all(account.id)
    return house.accounts.view(account)


@router.post("/{account_id}/tokens", status_code=201, responses=CHANGE)
async def make_token(account_id: str, house: House, admin: Admin, body: Named) -> Json:
    """A token for somebody's programs, made by an admin; ``secret`` is told this once."""
    account = house.accounts.find(account_id)
    name = body.name.strip() or time.strftime("made by an admin, %Y-%m-%d %H:%M:%S")
    secret, made = await house.accounts.sign_ins.make_token(account.id, name)
    return {"id": made.id, "account": account.id, "name": made.name, "secret": secret}


def _way(key: str) -> str:
    """The invitation's address on this server."""
    return f"/set-up?invite={key}"
