"""Serves one checkpoint: answers ``/ready`` from the first moment, loads meanwhile, drains when told to stop."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from backend.api.app import build
from backend.api.checkpoint import Loaded, Settings, load
from backend.api.doors import LARGEST_BODY
from backend.api.figures import Figures
from backend.api.host import Host
from backend.api.room import Room
from backend.api.service import Service
from backend.errors import EngineStopped, LaunchFailed

if TYPE_CHECKING:
    from backend.engine.engine import Engine
    from backend.engine.limits import Limits

DRAIN_S = 30.0
GRACE_S = 2.0
"""So long after ``drain_s`` answers that were broken off have for telling it; then their connections are cut."""
WATCH_S = 1.0
KEEP_ALIVE_S = 75
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how to serve. ``drain_s``: how long running requests have to end after SIGTERM."""

    host: str = "127.0.0.1"
    port: int = 30000
    api_key: str = ""
    drain_s: float = DRAIN_S
    limits: Limits | None = None
    settings: Settings = field(default_factory=Settings)


def serve_engine(
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 30000,
    *,
    api_key: str = "",
    served_name: str = "",
    context: int | None = None,
    memory_tokens: int | None = None,
    device: str = "cpu",
    limits: Limits | None = None,
    drain_s: float = DRAIN_S,
) -> None:
    """Serves until SIGTERM or SIGINT. Raises CheckpointError, or LaunchFailed for a port that is taken."""
    settings = Settings(served_name, context, memory_tokens, device)
    asyncio.run(serve(folder, Serving(host, port, api_key, drain_s, limits, settings)))


async def serve(folder: Path, serving: Serving) -> None:
    """The same, on a running loop; ends when it is told to stop or its task is cancelled."""
    listening = _listen(serving.host, serving.port)
    host = Host(serving.settings.name or folder.resolve().name)
    server = Server(host, api_key=serving.api_key, drain_s=serving.drain_s)
    opened = _Opened()
    loading = asyncio.create_task(_open(folder, serving, host, opened), name="load")
    watching = asyncio.create_task(_watch(host, server), name="watch")
    loading.add_done_callback(lambda done: server.end() if not done.cancelled() and done.exception() else None)
    try:
        await server.serve(sockets=[listening])
        if loading.done():
            loading.result()
        broken = host.broken
        if broken:
            raise EngineStopped(f"The engine has failed: {broken}", "It starts again where it is supervised.")
    finally:
        watching.cancel()
        host.stopping = True
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        await opened.close()
        listening.close()


async def _watch(host: Host, server: Server) -> None:
    """An engine that has failed refuses everything: whoever supervises it has to see that it is gone."""
    while True:
        await asyncio.sleep(WATCH_S)
        if host.broken:
            server.end()
            return


class _Opened:
    """What has to be closed at the end."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.loaded: Loaded | None = None

    async def close(self) -> None:
        if self.engine is not None:
            await self.engine.stop()
        if self.loaded is not None and self.loaded.model.template is not None:
            await asyncio.to_thread(self.loaded.model.template.close)


class Server(uvicorn.Server):
    """Uvicorn, which on a signal first lets running requests end, and then this program come to its own end."""

    def __init__(
        self,
        host: Host,
        *,
        api_key: str = "",
        drain_s: float = DRAIN_S,
        largest_body: int = LARGEST_BODY,
        bodies: Room | None = None,
    ) -> None:
        config = uvicorn.Config(
            build(host, api_key=api_key, largest_body=largest_body, bodies=bodies),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(drain_s + GRACE_S),
        )
        super().__init__(config)
        self._host = host
        self._drain_s = drain_s

    def end(self) -> None:
        """Refuses what comes, waits for what runs, and breaks it off after ``drain_s``. On the server's loop."""
        if not self._host.stopping:
            loop = asyncio.get_running_loop()
            for late in (0.0, GRACE_S / 4, GRACE_S / 2):  # what was being read the first time has come by then
                loop.call_later(self._drain_s + late, self._break_off)
        self._host.stopping = True
        self.should_exit = True

    def _break_off(self) -> None:
        if self._host.known is not None:
            self._host.known.abort("", everything=True)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Other than uvicorn's it does not raise the signal again afterwards, which would end us before we close."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for one in signals:
            loop.add_signal_handler(one, self.end)
        try:
            yield
        finally:
            for one in signals:
                loop.remove_signal_handler(one)


async def _open(folder: Path, serving: Serving, host: Host, opened: _Opened) -> None:
    """Loads in a thread that the program does not wait for: what is read from a disk cannot be broken off."""
    from backend.engine.engine import Engine

    loaded = await _in_daemon(folder, serving.settings, host)
    opened.loaded = loaded
    figures = Figures()
    engine = Engine(loaded.runner, serving.limits, loaded.lltokenizer, figures.observe)
    await engine.start()
    opened.engine = engine
    host.opened(Service(engine, loaded.model, figures))
    _log.info("serving %s with a context of %d tokens", loaded.model.name, loaded.model.context)


async def _in_daemon(folder: Path, settings: Settings, host: Host) -> Loaded:
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Loaded] = loop.create_future()

    def work() -> None:
        try:
            loaded, error = load(folder, settings, host.progress), None
        except BaseException as raised:
            loaded, error = None, raised
        try:
            loop.call_soon_threadsafe(settle, loaded, error)
        except RuntimeError:
            _log.debug("loading ended after the server did")  # nobody waits for it any more

    def settle(loaded: Loaded | None, error: BaseException | None) -> None:
        if result.done():
            return
        if loaded is not None:
            result.set_result(loaded)
        else:
            result.set_exception(error or RuntimeError("nothing was loaded"))

    threading.Thread(target=work, name="load", daemon=True).start()
    return await result


def _listen(host: str, port: int) -> socket.socket:
    """The port is taken before anything is loaded, so that one that is in use is told at once."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as taken:
        raise LaunchFailed(
            f"Nothing can listen on {host} port {port}: {taken.strerror or taken}.",
            "Another server may use the port; choose another one with --port.",
        ) from taken
