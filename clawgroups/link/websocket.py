"""The link over a websocket: the runner's end (websockets) and the server's end (Starlette)."""

from __future__ import annotations

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from clawgroups.link.transport import LinkClosed

MAX_FRAME = 64 * 1024 * 1024


class ClientTransport:
    """The runner's end. Make it with ``dial``."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @classmethod
    async def dial(cls, url: str) -> ClientTransport:
        """Connects. Raises LinkClosed when nobody answers."""
        try:
            made = await connect(url, max_size=MAX_FRAME, compression=None, ping_interval=None, open_timeout=5)
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise LinkClosed(f"No dispatcher answers at {url}: {error}") from error
        return cls(made)

    async def send(self, text: str) -> None:
        """Sends one frame."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise LinkClosed() from error

    async def receive(self) -> str:
        """The next frame."""
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as error:
            raise LinkClosed() from error
        return frame if isinstance(frame, str) else frame.decode()

    async def close(self) -> None:
        """Ends the connection."""
        await self._connection.close()


class ServerTransport:
    """The server's end of an accepted connection."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        """Sends one frame."""
        try:
            await self._socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise LinkClosed() from error  # Starlette raises RuntimeError on a socket that is closed

    async def receive(self) -> str:
        """The next frame."""
        try:
            return await self._socket.receive_text()
        except (WebSocketDisconnect, RuntimeError, KeyError) as error:
            raise LinkClosed() from error

    async def close(self) -> None:
        """Ends the connection."""
        if self._socket.application_state is not WebSocketState.DISCONNECTED:
            try:
                await self._socket.close()
            except (WebSocketDisconnect, RuntimeError):
                return  # the peer was faster
