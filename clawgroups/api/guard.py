"""Refuses what another website could make a browser send: foreign hosts (DNS rebinding) and foreign origins."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SCRIPTS = "'self' 'unsafe-inline' 'unsafe-eval'"  # NiceGUI builds its pages with both
POLICY = (
    f"default-src 'self'; script-src {SCRIPTS}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)


class Guard:
    """ASGI middleware around everything, websockets included."""

    def __init__(self, app: ASGIApp, *, any_host: bool = False) -> None:
        self._app = app
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin1"): value.decode("latin1") for key, value in scope["headers"]}
        problem = self._problem(scope, headers)
        if problem is None:
            await self._app(scope, receive, _with_policy(send) if scope["type"] == "http" else send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": problem})
        else:
            body = {"error": {"code": "foreign", "sentence": problem, "hint": "Open the server's own address."}}
            await JSONResponse(body, status_code=403)(scope, receive, send)

    def _problem(self, scope: Scope, headers: dict[str, str]) -> str | None:
        host = headers.get("host", "")
        if not self._any_host and not is_local(host):
            return f"This server answers on its own address only, not as {host!r}."
        origin = headers.get("origin", "")
        changing = scope["type"] == "websocket" or scope["method"] not in SAFE
        if changing and origin and urlsplit(origin).netloc != host:
            return f"A page from {origin} may not act here."
        return None


def is_local(host: str) -> bool:
    """Whether a Host header names this machine itself."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _with_policy(send: Send) -> Send:
    async def sending(message: dict[str, object]) -> None:  # type: ignore[type-arg,unused-ignore]
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))  # type: ignore[call-overload]
            headers.append((b"content-security-policy", POLICY.encode()))
            headers.append((b"x-content-type-options", b"nosniff"))
            headers.append((b"referrer-policy", b"no-referrer"))
            message = {**message, "headers": headers}
        await send(message)  # type: ignore[arg-type]

    return sending  # type: ignore[return-value]
