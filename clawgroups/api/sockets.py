"""The websockets: the feed for browsers, the link for runners."""

from __future__ import annotations

import logging
from typing import cast

from fastapi import APIRouter, WebSocket

from clawgroups.api.deps import who_asks
from clawgroups.api.viewer_socket import ViewerSocket
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError
from clawgroups.link.websocket import ServerTransport

log = logging.getLogger("clawgroups.sockets")
router = APIRouter()
FOREIGN = 4403


@router.websocket("/api/v1/groups/{group_id}/feed")
async def feed(socket: WebSocket, group_id: str) -> None:
    """Live changes of a group; see docs/feed.md."""
    house = cast(Dispatcher, socket.app.state.dispatcher)
    await socket.accept()
    viewer = ViewerSocket(socket, "feed")
    try:
        who = who_asks(socket, house)
        await house.group(group_id)
        await house.feeds.serve(group_id, viewer.send, viewer.receive, (who.id, who.name))
    except ClawError as error:
        log.info("feed closed: %s", error, extra={"action": "feed_closed"})
        await viewer.refuse(error)


@router.websocket("/link")
async def link(socket: WebSocket) -> None:
    """Runners join here; the token is in their hello."""
    house = cast(Dispatcher, socket.app.state.dispatcher)
    if socket.headers.get("origin"):
        await socket.close(FOREIGN, "Browsers have no business here.")
        return
    await socket.accept()
    await house.crew.serve(ServerTransport(socket))
