"""A wire to a PostgreSQL server that can be cut just before or just after a COMMIT gets through."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

COMMIT = b"COMMIT;"


class CuttingProxy:
    """Listens on a free port of the loopback address. Once armed, the next COMMIT is the last thing it sees."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._wires: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._armed = ""
        self._committed = asyncio.Event()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> CuttingProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._cut_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._wires |= {writer, there_writer}
        ways = (self._up(reader, there_writer), self._down(there_reader, writer))
        try:
            for ended in asyncio.as_completed(ways):
                with contextlib.suppress(OSError):
                    await ended
                writer.close()  # when one side hangs up, so does the other
                there_writer.close()
        finally:
            self._wires -= {writer, there_writer}

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self._armed and COMMIT in data:
                if self._armed == "after":
                    writer.write(data)
                    await self._committed.wait()
                return self._cut_all()
            writer.write(data)
            await writer.drain()
        return None

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self._armed == "after" and COMMIT[:-1] in data:  # the server's word that it is done
                self._committed.set()
                return  # nobody is told
            writer.write(data)
            await writer.drain()

    def arm(self, when: str) -> None:
        """``before``: the COMMIT never arrives; ``after``: it is done, but nobody is told."""
        self._armed = when

    def _cut_all(self) -> None:
        for wire in self._wires:
            wire.transport.abort()
