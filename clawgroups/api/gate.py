"""The gate: who is asking. With accounts nothing but the way in is answered to strangers, websockets included.

It says who, not what they may: that is checked where a command is taken (``dispatcher/accounts/rights.py``).
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import re
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clawgroups.api.addresses import FEED
from clawgroups.api.door import PREFIX, drain
from clawgroups.api.errors import reply
from clawgroups.dispatcher.accounts.sign_ins import LASTS_MS, Door, Who
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError, Forbidden, NotSignedIn
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.ids import now_ms
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.gate")
SIGNED_OUT = 4401
LINK = "/link"  # runners; their token is in their hello
WAYS_IN = frozenset(
    {
        "/sign-in",
        "/set-up",
        "/favicon.ico",
        *(f"{PREFIX}v1/{name}" for name in ("health", "sign-in", "set-up", "invitation")),
    }
)
STATIC = "/claw/"  # our own styles and scripts: no secret of anybody's
_BEARER = re.compile(r"[Bb]earer +(\S+) *")


class Gate:
    """ASGI middleware. ``scope["state"]["who"]`` is who asks; None for a stranger on the way in."""

    def __init__(self, app: ASGIApp, house: Dispatcher) -> None:
        self._app = app
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] == LINK:
            await self._app(scope, receive, send)
            return
        try:
            who = self._who(scope)
        except ClawError as error:
            await _turn_away(error, scope, receive, send)
            return
        scope.setdefault("state", {})["who"] = who
        if scope["type"] == "websocket" and who is not None:
            await self._socket(who, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _who(self, scope: Scope) -> Who | None:
        """Raises NotSignedIn, or Forbidden for a header that means nothing with accounts."""
        accounts = self._house.accounts
        person = header(scope, b"x-claw-person")
        if not accounts.in_force:
            wanted = person or LOCAL_ADMIN
            member = self._house.house_members().get(wanted)
            return Who(id=wanted, name=member.name if member else wanted, open=True)
        if person:
            raise Forbidden("X-Claw-Person means nothing here: people sign in.", hint="Send a token of your own.")
        bearer = header(scope, b"authorization")
        if bearer:
            return self._by_bearer(scope, bearer)
        secret = cookie_of(scope, self._house)
        who = accounts.sign_ins.by_cookie(secret) if secret else None
        if who is None and scope["path"] not in WAYS_IN and not scope["path"].startswith(STATIC):
            raise NotSignedIn()
        return who

    def _by_bearer(self, scope: Scope, bearer: str) -> Who:
        found = _BEARER.fullmatch(bearer)
        secret = found[1] if found else ""
        who = self._house.accounts.sign_ins.by_token(secret)
        if who is None and _is_here(scope):
            who = self._house.accounts.by_home_key(secret)
        if who is None:
            raise NotSignedIn("This token is not valid.", hint="Make one in your menu, or: clawgroups accounts token")
        return who

    async def _socket(self, who: Who, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a socket live as long as its person may be here; then it is closed, whatever it does."""
        accounts = self._house.accounts
        tasks = Tasks(lambda name, error: log.error("%s failed", name, exc_info=error))
        with accounts.sign_ins.hold(who) as door:
            watched = _Watched(door, receive, send)
            tasks.start(watched.close_when_over(), name="gate-socket")
            try:
                await self._app(scope, watched.receive, watched.send)
            finally:
                await tasks.close()


class _Watched:
    """A socket's two ways. After its end was sent, the application hears a disconnect and speaks to nobody."""

    def __init__(self, door: Door, receive: Receive, send: Send) -> None:
        self._door = door
        self._receive = receive
        self._send = send
        self._ended = False

    async def close_when_over(self) -> None:
        until = self._door.who.until
        left = (until - now_ms()) / 1_000 if until else None
        await self._door.wait(left)
        self._ended = True
        await self._send({"type": "websocket.close", "code": SIGNED_OUT, "reason": "You are signed out here."})

    async def receive(self) -> Message:
        if self._ended:
            return {"type": "websocket.disconnect", "code": SIGNED_OUT}
        return await self._receive()  # the server gives a disconnect as soon as the close was sent

    async def send(self, message: Message) -> None:
        if self._ended:
            return
        self._ended = message["type"] == "websocket.close"
        await self._send(message)


async def _turn_away(error: ClawError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        if FEED.fullmatch(scope["path"]):  # a browser learns the code of a socket only when it was opened
            await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": SIGNED_OUT, "reason": error.sentence[:100]})
        return
    await drain(receive)
    await _refusal(error, scope)(scope, receive, send)


def _refusal(error: ClawError, scope: Scope) -> Response:
    page = scope["method"] in ("GET", "HEAD") and not scope["path"].startswith((PREFIX, "/_nicegui"))
    if isinstance(error, NotSignedIn) and page and not header(scope, b"authorization"):
        query = scope.get("query_string", b"").decode("latin1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"/sign-in?next={quote(wanted, safe='/')}", status_code=303)
    answer = reply(error.status, error.as_dict())
    if isinstance(error, NotSignedIn):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def header(scope: Scope, name: bytes) -> str:
    """The first header of that name; empty where there is none."""
    return next((value.decode("latin1") for key, value in scope["headers"] if key.lower() == name), "")


def cookie_name(house: Dispatcher) -> str:
    """One of its own for each home: cookies know hosts but not ports, and two servers may run on one machine."""
    return f"claw_{hashlib.sha256(str(house.settings.home).encode()).hexdigest()[:12]}"


def cookie_of(scope: Scope, house: Dispatcher) -> str:
    """The secret of the browser's sign-in; empty where it has none."""
    try:
        found = SimpleCookie(header(scope, b"cookie")).get(cookie_name(house))
    except CookieError:
        return ""
    return found.value if found else ""


def set_cookie(response: Response, house: Dispatcher, secret: str, *, secure: bool) -> None:
    """Keeps the sign-in in the browser; an empty secret takes it away. No script can read it."""
    response.set_cookie(
        cookie_name(house), secret, max_age=LASTS_MS // 1_000 if secret else 0,
        path="/", secure=secure, httponly=True, samesite="lax",
    )  # fmt: skip


def _is_here(scope: Scope) -> bool:
    """Whether the peer is on this machine."""
    try:
        return ipaddress.ip_address((scope.get("client") or ("", 0))[0]).is_loopback
    except ValueError:
        return False
