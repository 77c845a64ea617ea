"""Routes by which people come in and go, and look after what is their own: password, browsers, tokens."""

from __future__ import annotations

import hashlib
import os
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from clawgroups.api.bodies import Body, Name
from clawgroups.api.deps import Asker, House, address_of
from clawgroups.api.errors import told
from clawgroups.api.gate import set_cookie
from clawgroups.dispatcher.accounts.sign_ins import Who
from clawgroups.errors import Invalid
from clawgroups.ledger.accounts import Token

router = APIRouter()
Json = dict[str, Any]
Secret = Annotated[str, Field(max_length=2_000)]
COME, OWN = told(401, 403, 413, 415, 422, 429, 503), told(401, 404, 413, 415, 422, 429, 503)


class SignInBody(Body):
    """A name and a password."""

    name: str = Field(max_length=200)
    password: Secret


class SetUpBody(Body):
    """The first admin. ``name`` is what others see; left out, it stays the name that the local admin has."""

    key: Secret
    sign_in_name: str = Field(max_length=200)
    password: Secret
    name: str = Field("", max_length=120)


class InvitationBody(Body):
    """The key of an invitation's link, and the password that the invited person chooses."""

    key: Secret
    password: Secret


class PasswordBody(Body):
    """A change of one's own password."""

    old: Secret
    new: Secret


class TokenBody(Body):
    """A name by which one knows the token again."""

    name: Name


@router.get("/health")
async def health(house: House) -> Json:
    """Whether it answers, for supervisors: without sign-in, and without telling anything else."""
    home = hashlib.sha256(str(house.settings.home).encode()).hexdigest()
    stopped = bool(house.ledger.writer.stopped)
    return {
        "ledger": "stopped" if stopped else "ok",
        "sign_in": house.accounts.in_force,
        "pid": os.getpid(),
        "home": home,
    }


@router.get("/me", responses=told(401, 422))
async def me(house: House, who: Asker) -> Json:
    """Who you are here, and what you may do. ``sign_in``: whether people sign in on this server at all."""
    return {
        "id": who.id,
        "name": house.registry.find(who.id).name,
        "role": who.role,
        "sign_in": house.accounts.in_force,
    }


@router.post("/sign-in", responses=COME)
async def sign_in(body: SignInBody, request: Request, response: Response, house: House) -> Json:
    """Signs this browser in: the answer sets a cookie."""
    _needs_accounts(house)
    secret, who = await house.accounts.sign_in(
        body.name, body.password, address=address_of(request), browser=_browser(request), instead_of=_present(request)
    )
    return _come_in(request, response, house, secret, who)


@router.post("/set-up", responses=COME)
async def set_up(body: SetUpBody, request: Request, response: Response, house: House) -> Json:
    """Makes the first account, an admin's, with the one-time key of the set-up link."""
    secret, who = await house.accounts.set_up(body.key, body.name, body.sign_in_name, body.password, _browser(request))
    return _come_in(request, response, house, secret, who)


@router.post("/invitation", responses=COME)
async def accept(body: InvitationBody, request: Request, response: Response, house: House) -> Json:
    """Takes an invitation up: sets the password and signs this browser in. The link works once."""
    secret, who = await house.accounts.accept(body.key, body.password, _browser(request))
    return _come_in(request, response, house, secret, who)


@router.post("/sign-out", responses=told(401, 422, 503))
async def sign_out(request: Request, response: Response, house: House, who: Asker) -> Json:
    """Signs this browser out; its open pages and sockets end."""
    if who.sign_in:
        await house.accounts.sign_ins.end(who.sign_in)
    set_cookie(response, house, "", secure=_secure(request))
    return {"signed_out": "here"}


@router.post("/sign-out/everywhere", responses=told(401, 422, 503))
async def sign_out_everywhere(request: Request, response: Response, house: House, who: Asker) -> Json:
    """Signs you out in all browsers, this one too. Tokens stay: remove them one by one."""
    await house.accounts.sign_ins.end_all(who.id)
    set_cookie(response, house, "", secure=_secure(request))
    return {"signed_out": "everywhere"}


@router.post("/me/password", responses=OWN)
async def password(body: PasswordBody, request: Request, house: House, who: Asker) -> Json:
    """Changes your password; other browsers are signed out."""
    _needs_accounts(house)
    await house.accounts.change_password(who, body.old, body.new, address=address_of(request))
    return {"changed": True}


@router.get("/me/tokens", responses=told(401, 422))
async def tokens(house: House, who: Asker) -> Json:
    """Your tokens for programs, without their secrets."""
    return {"tokens": [_token(token) for token in house.accounts.sign_ins.tokens_of(who.id)]}


@router.post("/me/tokens", status_code=201, responses=OWN)
async def make_token(body: TokenBody, house: House, who: Asker) -> Json:
    """A new token; ``secret`` is told this once."""
    _needs_accounts(house)
    secret, made = await house.accounts.sign_ins.make_token(house.accounts.find(who.id).id, body.name)
    return {**_token(made), "secret": secret}


@router.delete("/me/tokens/{token_id}", responses=OWN)
async def drop_token(token_id: str, house: House, who: Asker) -> Json:
    """A token works no more, at once."""
    await house.accounts.sign_ins.drop_token(who.id, token_id)
    return {"removed": token_id}


def _token(token: Token) -> Json:
    return {"id": token.id, "name": token.name, "created_at": token.created_at, "last_seen": token.seen_at}


def _needs_accounts(house: House) -> None:
    if not house.accounts.in_force:
        hint = "Open the set-up link that the server's log shows, or: clawgroups accounts add NAME --role admin"
        raise Invalid("Nobody signs in on this server yet: it answers on its own machine only.", hint=hint)


def _come_in(request: Request, response: Response, house: House, secret: str, who: Who) -> Json:
    set_cookie(response, house, secret, secure=_secure(request))
    return {"id": who.id, "name": who.name, "role": who.role}


def _present(request: Request) -> str:
    who: Who | None = getattr(request.state, "who", None)
    return who.sign_in if who else ""


def _browser(request: Request) -> str:
    return request.headers.get("user-agent", "")


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"
