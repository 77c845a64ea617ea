"""The API's door: what is wrong with a request before any route sees it is answered here, in the one shape of errors.

Unknown addresses and methods, bodies that are too large or no JSON, HEAD and OPTIONS. Nothing here knows a group.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import cast

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clawgroups.api.addresses import FEED, Address, address_of
from clawgroups.group.attachments import LARGEST as LARGEST_FILE

PREFIX = "/api/"
LARGEST = 8 * 1024 * 1024  # bytes of a body
ATTACH = re.compile(r"/api/v1/groups/[^/]+/attachments")  # the one address that takes a file
DRAIN_S = 2.0
MOST_DRAINED = 8 * LARGEST
LIST = "All addresses are listed at /api/v1/docs."


class Door:
    """ASGI middleware. Bodies are bounded everywhere; the rest concerns the API alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.lower(): value.decode("latin1") for key, value in scope["headers"]}
        limit = _limit(scope)
        answer = _too_large(headers, limit) or (_judge(scope, headers) if scope["path"].startswith(PREFIX) else None)
        if answer is not None:
            await drain(receive)
            await answer(scope, receive, send)
            return
        if scope["method"] == "HEAD" and scope["path"].startswith(PREFIX):
            scope = {**scope, "method": "GET"}
            send = _without_body(send)
        await self._app(scope, _bounded(receive, limit), send)


def refusal(status: int, code: str, sentence: str, hint: str, **headers: str) -> JSONResponse:
    """An error in the one shape."""
    body = {"error": {"code": code, "sentence": sentence, "hint": hint}}
    return JSONResponse(body, status_code=status, headers=headers)


def _judge(scope: Scope, headers: dict[bytes, str]) -> Response | None:
    path, method = scope["path"], scope["method"]
    if "\0" in path or b"%00" in scope.get("query_string", b""):
        return refusal(400, "bad_request", "The address holds a NUL character.", "Leave it out.")
    address = address_of(cast(FastAPI, scope["app"]), path)
    if address is None:
        if FEED.fullmatch(path):
            what, page = ("feed", "feed") if path.endswith("/feed") else ("terminal", "api")
            hint = f"Open it with ws:// in place of http://; docs/{page}.md shows the frames."
            return refusal(426, "websocket_only", f"The {what} is a websocket.", hint, Upgrade="websocket")
        return refusal(404, "not_found", f"Nothing is at {path}.", LIST)
    if method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": address.allow})
    if method not in address.allow:
        sentence = f"{path} does not take {method}; it takes {address.allow}."
        return refusal(405, "method_not_allowed", sentence, LIST, Allow=address.allow)
    return _not_json(address, method, headers)


def _not_json(address: Address, method: str, headers: dict[bytes, str]) -> Response | None:
    has_body = headers.get(b"content-length", "0") != "0" or b"transfer-encoding" in headers
    kind = headers.get(b"content-type", "").split(";")[0].strip().lower()
    if not address.fields.get(method) or not has_body or kind == "application/json" or kind.endswith("+json"):
        return None
    sentence = f"This address takes JSON, not {kind or 'a body without a content type'}."
    return refusal(415, "not_json", sentence, "Send the header Content-Type: application/json.")


def _limit(scope: Scope) -> int:
    """Bytes that a body may have here."""
    return LARGEST_FILE if scope["method"] == "POST" and ATTACH.fullmatch(scope["path"]) else LARGEST


def _too_large(headers: dict[bytes, str], limit: int) -> Response | None:
    length = headers.get(b"content-length", "0")
    if not length.isdigit() or int(length) <= limit:
        return None
    return refusal(413, "too_large", _large(limit), SMALLER if limit == LARGEST else SMALLER_FILE, Connection="close")


def _large(limit: int) -> str:
    return f"The body is larger than {limit // 1024 // 1024} MiB."


SMALLER = "Write large files in parts, with several tool calls."
SMALLER_FILE = "Attach a smaller file."


def _bounded(receive: Receive, limit: int) -> Receive:
    """Counts what comes without a declared length."""
    taken = 0
    if limit == LARGEST_FILE:
        return receive  # the route counts as it reads, and knows the file's name

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            await drain(receive)
            raise HTTPException(413, _large(limit))
        return message

    return receiving


async def drain(receive: Receive) -> None:
    """Reads on for a moment: a connection that is closed on unread bytes is reset before its answer is seen."""
    drained = 0
    with contextlib.suppress(TimeoutError):  # it sends slowly, or waits for a leave to send
        async with asyncio.timeout(DRAIN_S):
            more = True
            while more and drained < MOST_DRAINED:
                message = await receive()
                drained += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)


def _without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sending
