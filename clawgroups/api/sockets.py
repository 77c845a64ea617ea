"""The websockets: the feed for browsers, the link for runners."""

from __future__ import annotations

import logging
from typing import cast

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from clawgroups.api.deps import who_asks
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.feed import FeedClosed
from clawgroups.errors import ClawError
from clawgroups.link.websocket import ServerTransport

log = logging.getLogger("clawgroups.sockets")
router = APIRouter()
NOT_FOUND, BAD_FRAME, FOREIGN, BROKEN = 4404, 4400, 4403, 1011
LONGEST_REASON = 123  # bytes; the websocket protocol allows no more
MOST_FROM_VIEWER = 64_000  # characters of one frame


@router.websocket("/api/v1/groups/{group_id}/feed")
async def feed(socket: WebSocket, group_id: str) -> None:
    """Live changes of a group; see docs/feed.md."""
    house = cast(Dispatcher, socket.app.state.dispatcher)
    await socket.accept()

    async def send(text: str) -> None:
        try:
            await socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise FeedClosed() from error  # Starlette raises RuntimeError on a socket that is closed

    async def receive() -> str:
        try:
            frame = await socket.receive()
        except (WebSocketDisconnect, RuntimeError) as error:
            raise FeedClosed() from error
        if frame["type"] == "websocket.disconnect":
            raise FeedClosed()
        text = frame.get("text")
        if text is None:
            raise ClawError("The feed takes text frames only.", code="bad_frame")
        if len(text) > MOST_FROM_VIEWER:
            raise ClawError("That frame is too long.", code="bad_frame")
        return str(text)

    try:
        who = who_asks(socket, house)
        await house.group(group_id)
        await house.feeds.serve(group_id, send, receive, (who.id, who.name))
    except ClawError as error:
        code = {"not_found": NOT_FOUND, "bad_frame": BAD_FRAME, "invalid": BAD_FRAME}.get(error.code, BROKEN)
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
        await socket.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
    except (WebSocketDisconnect, RuntimeError):
        log.debug("the viewer was gone already")
