"""The websockets: the feed for browsers, the link for runners."""

from __future__ import annotations

import logging
from typing import cast
from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.feed import FeedClosed
from clawgroups.errors import ClawError
from clawgroups.link.websocket import ServerTransport

log = logging.getLogger("clawgroups.sockets")
router = APIRouter()
NOT_FOUND, BAD_FRAME, FOREIGN = 4404, 4400, 4403
MOST_FROM_VIEWER = 64_000  # characters of one frame


@router.websocket("/api/v1/groups/{group_id}/feed")
async def feed(socket: WebSocket, group_id: str) -> None:
    """Live changes of a group; see docs/api.md."""
    house = cast(Dispatcher, socket.app.state.dispatcher)
    if not same_origin(socket):
        await socket.close(FOREIGN, "The page is from elsewhere.")
        return
    await socket.accept()

    async def send(text: str) -> None:
        try:
            await socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise FeedClosed() from error  # Starlette raises RuntimeError on a socket that is closed

    async def receive() -> str:
        try:
            text = await socket.receive_text()
        except (WebSocketDisconnect, RuntimeError, KeyError) as error:
            raise FeedClosed() from error
        if len(text) > MOST_FROM_VIEWER:
            raise ClawError("That frame is too long.", code="bad_frame")
        return text

    try:
        await house.group(group_id)
        await house.feeds.serve(group_id, send, receive)
    except ClawError as error:
        code = NOT_FOUND if error.code == "not_found" else BAD_FRAME
        log.info("feed closed: %s", error, extra={"action": "feed_closed"})
        await _close(socket, code, error.sentence)


@router.websocket("/link")
async def link(socket: WebSocket) -> None:
    """Runners join here; the token is in their hello."""
    house = cast(Dispatcher, socket.app.state.dispatcher)
    if socket.headers.get("origin"):
        await socket.close(FOREIGN, "Browsers have no business here.")
        return
    await socket.accept()
    await house.crew.serve(ServerTransport(socket))


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    try:
        await socket.close(code, reason[:120])
    except (WebSocketDisconnect, RuntimeError):
        log.debug("the viewer was gone already")


def same_origin(socket: WebSocket) -> bool:
    """Whether a browser's page came from this very server; programs send no origin."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host", "")
