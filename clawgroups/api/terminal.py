"""The websocket of a sub-agent's terminal: whoever holds the wheel types, everybody else sees the same."""

from __future__ import annotations

import logging
from typing import cast

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.sign_ins import Who
from clawgroups.errors import ClawError, NotSignedIn

log = logging.getLogger("clawgroups.sockets")
router = APIRouter()
CODES = {"not_found": 4404, "bad_frame": 4400, "invalid": 4400, "not_signed_in": 4401}
BROKEN = 1011
LONGEST_REASON = 123  # bytes; the websocket protocol allows no more
MOST_FROM_VIEWER = 64_000  # characters of one frame


class _Gone(Exception):
    """The viewer has left."""


@router.websocket("/api/v1/agents/{agent_id}/terminal")
async def terminal(socket: WebSocket, agent_id: str) -> None:
    """A person's terminal in the sub-agent's workspace; docs/api.md shows the frames."""
    house = cast(Dispatcher, socket.app.state.dispatcher)
    await socket.accept()

    async def send(text: str) -> None:
        try:
            await socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise _Gone() from error  # Starlette raises RuntimeError on a socket that is closed

    async def receive() -> str:
        try:
            frame = await socket.receive()
        except (WebSocketDisconnect, RuntimeError) as error:
            raise _Gone() from error
        if frame["type"] == "websocket.disconnect":
            raise _Gone()
        text = frame.get("text")
        if text is None or len(text) > MOST_FROM_VIEWER:
            raise ClawError("The terminal takes short text frames only.", code="bad_frame")
        return str(text)

    try:
        await house.terminals.serve(agent_id, _person(socket), send, receive)
    except _Gone:
        log.debug("a viewer of the terminal of %s has left", agent_id)
    except ClawError as error:
        log.info("terminal closed: %s", error, extra={"action": "terminal_closed"})
        await _close(socket, CODES.get(error.code, BROKEN), error.sentence)


def _person(socket: WebSocket) -> str:
    """Who looks and types, as the gate has found. Raises NotSignedIn."""
    who: Who | None = getattr(socket.state, "who", None)
    if who is None:
        raise NotSignedIn()
    return who.id


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    try:
        await socket.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
    except (WebSocketDisconnect, RuntimeError):
        log.debug("the viewer was gone already")
