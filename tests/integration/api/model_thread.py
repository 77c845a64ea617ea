"""The scripted model server in a thread of the test's own process, for scripts that a test writes down."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from clawgroups.testing.model_scripts import Script
from clawgroups.testing.model_server import ModelServer

PATIENCE_S = 20.0


class ModelThread:
    """A context manager; ``base_url`` is a model member's address."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="model-server")
        self.base_url = ""

    def __enter__(self) -> ModelThread:
        self._thread.start()
        assert self._ready.wait(PATIENCE_S), "the model server did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with ModelServer(self._script) as server:
            self.base_url = server.base_url
            self._ready.set()
            await self._stop.wait()
