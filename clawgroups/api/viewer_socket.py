"""A websocket on which somebody watches: short text frames in, text frames out, and an end that says why."""

from __future__ import annotations

import logging

from fastapi import WebSocket, WebSocketDisconnect

from clawgroups.dispatcher.feed import FeedClosed
from clawgroups.errors import ClawError

log = logging.getLogger("clawgroups.sockets")
CODES = {"not_found": 4404, "bad_frame": 4400, "invalid": 4400, "not_signed_in": 4401}
BROKEN = 1011
LONGEST_REASON = 123  # bytes; the websocket protocol allows no more
MOST_FROM_VIEWER = 64_000  # characters of one frame


class ViewerSocket:
    """An accepted socket, for ``what``. ``send`` and ``receive`` raise FeedClosed once the viewer has gone."""

    def __init__(self, socket: WebSocket, what: str) -> None:
        self._socket = socket
        self._what = what

    async def send(self, text: str) -> None:
        """Sends one frame."""
        try:
            await self._socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise FeedClosed() from error  # Starlette raises RuntimeError on a socket that is closed

    async def receive(self) -> str:
        """The next frame. Raises ClawError (``bad_frame``) for one that is too long or no text."""
        try:
            frame = await self._socket.receive()
        except (WebSocketDisconnect, RuntimeError) as error:
            raise FeedClosed() from error
        if frame["type"] == "websocket.disconnect":
            raise FeedClosed()
        text = frame.get("text")
        if text is None:
            raise ClawError(f"The {self._what} takes text frames only.", code="bad_frame")
        if len(text) > MOST_FROM_VIEWER:
            raise ClawError("That frame is too long.", code="bad_frame")
        return str(text)

    async def refuse(self, error: ClawError) -> None:
        """Ends it with a code and words that tell why."""
        reason = error.sentence.encode()[:LONGEST_REASON].decode(errors="ignore")
        try:
            await self._socket.close(CODES.get(error.code, BROKEN), reason)
        except (WebSocketDisconnect, RuntimeError):
            log.debug("the viewer was gone already")
