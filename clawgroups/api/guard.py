"""Refuses what another website could make a browser send: foreign hosts (DNS rebinding) and foreign origins."""

from __future__ import annotations

import ipaddress
import re
import secrets
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# 'unsafe-eval': Vue compiles the templates of components in the browser, and NiceGUI runs its server's calls so. No
# text becomes a script by that: inline scripts need the nonce, handlers in HTML and javascript: links never run.
# 'unsafe-inline' for styles: Vue, Quasar and AG Grid set them; where they could load from is closed by the rest.
PAGE = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; script-src-attr 'none'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; frame-src 'none'; worker-src 'none'; media-src 'none'; manifest-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(:\d{1,5})?")


class Guard:
    """ASGI middleware around everything, websockets included. ``any_host``: answer under every name."""

    def __init__(self, app: ASGIApp, *, any_host: bool = False) -> None:
        self._app = app
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        problem = self._problem(scope)
        if problem is None:
            nonce = scope.setdefault("state", {})["nonce"] = secrets.token_urlsafe(16)
            await self._app(scope, receive, _with_policy(send, nonce) if scope["type"] == "http" else send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": problem[:100]})
        else:
            body = {"error": {"code": "foreign", "sentence": problem, "hint": "Open the server's own address."}}
            await JSONResponse(body, status_code=403)(scope, receive, _with_policy(send, ""))

    def _problem(self, scope: Scope) -> str | None:
        hosts, origins = _all(scope, b"host"), _all(scope, b"origin")
        if len(hosts) != 1 or len(origins) > 1:
            return "A request names exactly one host, and at most one origin."
        host = hosts[0]
        if not _HOST.fullmatch(host) or not (self._any_host or is_local(host)):
            return f"This server answers on its own address only, not as {host[:100]!r}."
        changing = scope["type"] == "websocket" or scope["method"] not in SAFE
        if changing and origins and not same_place(origins[0], host):
            return f"A page from {origins[0][:100]!r} may not act here."
        return None


def is_local(host: str) -> bool:
    """Whether a Host header (``name``, ``name:port``, ``[v6]:port``) names this machine itself."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def same_place(origin: str, host: str) -> bool:
    """Whether a browser's Origin is the very address that it talks to."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _all(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin1") for key, value in scope["headers"] if key.lower() == name]


def _with_policy(send: Send, nonce: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            before = list(message.get("headers", []))
            kinds = [value for key, value in before if key.lower() == b"content-type"]
            policy = PAGE.format(nonce=nonce) if any(b"html" in kind.lower() for kind in kinds) else NO_PAGE
            headers = [
                *before,
                (b"content-security-policy", policy.encode()),
                (b"x-content-type-options", b"nosniff"),
                (b"referrer-policy", b"no-referrer"),
            ]
            message = {**message, "headers": headers}
        await send(message)

    return sending
