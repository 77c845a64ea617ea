"""The websocket of a sub-agent's terminal: whoever holds the wheel types, everybody else sees the same."""

from __future__ import annotations

import logging
from typing import cast

from fastapi import APIRouter, WebSocket

from clawgroups.api.deps import who_asks
from clawgroups.api.viewer_socket import ViewerSocket
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.feed import FeedClosed
from clawgroups.errors import ClawError

log = logging.getLogger("clawgroups.sockets")
router = APIRouter()


@router.websocket("/api/v1/agents/{agent_id}/terminal")
async def terminal(socket: WebSocket, agent_id: str) -> None:
    """A person's terminal in the sub-agent's workspace; docs/api.md shows the frames."""
    house = cast(Dispatcher, socket.app.state.dispatcher)
    await socket.accept()
    viewer = ViewerSocket(socket, "terminal")
    try:
        who = who_asks(socket, house)
        await house.terminals.serve(agent_id, who.id, viewer.send, viewer.receive)
    except FeedClosed:
        log.debug("a viewer of the terminal of %s has left", agent_id)
    except ClawError as error:
        log.info("terminal closed: %s", error, extra={"action": "terminal_closed"})
        await viewer.refuse(error)
