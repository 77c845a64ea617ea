"""The server process: ledger, dispatcher, API and pages in one, with a runner beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from clawgroups import __version__, memory
from clawgroups.api import accounts, agents, docs, errors, groups, history, room, sign_in, sockets, templates, terminal
from clawgroups.api.attachments import router as attachments_router
from clawgroups.api.backend import router as backend_router
from clawgroups.api.door import Door
from clawgroups.api.gate import Gate
from clawgroups.api.guard import Guard, is_local
from clawgroups.api.settings import router as settings_router
from clawgroups.dispatcher.crew.supervisor import RunnerProcess
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError, Invalid
from clawgroups.ledger.ledger import Ledger
from clawgroups.listening import listen
from clawgroups.settings import Settings
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.server")
ROOT = "/api/v1"
LET_GO_S = 1.5  # how long a peer has to answer the end of its connection


def build(settings: Settings, ledger: Ledger, runner: RunnerProcess, *, pages: bool = True) -> FastAPI:
    """The whole application around an open ledger and the process that will drive for it, started or not."""
    dispatcher = Dispatcher(settings, ledger, token=runner.token)
    runner.on_exit = dispatcher.crew.lose_process
    dispatcher.runner_status = lambda: runner.status
    dispatcher.kill_runner = lambda pid: pid == runner.pid and runner.kill()

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        try:
            await dispatcher.start()
        except Exception as error:
            app.state.failure = error  # uvicorn would only log it; see _run
            raise
        try:
            yield
        finally:
            await dispatcher.close()

    app = FastAPI(
        title="Claw Groups",
        version=__version__,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{ROOT}/openapi.json",
    )
    app.state.dispatcher = dispatcher
    app.state.runner = runner
    errors.install(app)
    app.include_router(groups.router, prefix=ROOT, tags=["groups and members"])
    app.include_router(templates.router, prefix=ROOT, tags=["groups and members"])
    app.include_router(agents.router, prefix=ROOT, tags=["sub-agents"])
    app.include_router(history.router, prefix=ROOT, tags=["history"])
    app.include_router(room.router, prefix=ROOT, tags=["room"])
    app.include_router(attachments_router, prefix=ROOT, tags=["room"])
    app.include_router(sign_in.router, prefix=ROOT, tags=["sign-in"])
    app.include_router(accounts.router, prefix=ROOT, tags=["accounts"])
    app.include_router(settings_router, prefix=ROOT, tags=["settings"])
    app.include_router(backend_router, prefix=ROOT, tags=["backend"])
    app.include_router(terminal.router)
    app.include_router(docs.router, prefix=ROOT, include_in_schema=False)
    app.include_router(sockets.router)
    if pages:
        from clawgroups.ui.app import mount

        mount(app, storage_secret=_secret(settings.home / "pages.secret"))
    app.add_middleware(Door)
    app.add_middleware(Gate, house=dispatcher)
    app.add_middleware(Guard, any_host=settings.open_to_network)
    return app


async def serve(
    settings: Settings,
    ready: Callable[[dict[str, object]], None],
    *,
    pages: bool = True,
    stop: asyncio.Event | None = None,
) -> None:
    """Runs until ``stop`` is set or the task is cancelled; ends cleanly either way, within ten seconds.

    ``ready`` hears url, home and pid once the server answers.
    Raises Invalid for an address that others could reach without being asked to, LedgerError.
    """
    _need_consent(settings)
    listening = listen(settings.host, settings.port)  # first: a taken port leaves no home behind
    try:
        _make_home(settings.home)
        address = f"{_reached(settings.host)}:{listening.getsockname()[1]}"
        runner = RunnerProcess(f"ws://{address}/link")
        if settings.runner:  # it gets ready while the ledger is opened and the pages are read
            runner.start()
        try:
            ledger = await Ledger.open(settings.database_url)
            try:
                await _need_sign_in(settings, ledger)
                app = build(settings, ledger, runner, pages=pages)
                memory.prepare()
                await _run(app, listening, f"http://{address}", settings, ready, stop or asyncio.Event())
            finally:
                await ledger.close()
        finally:
            await runner.close()
    finally:
        listening.close()


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it, and cuts connections whose peer does not let go."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.answering.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        cut = asyncio.get_running_loop().call_later(LET_GO_S, self._cut)
        try:
            await super().shutdown(sockets)
        finally:
            cut.cancel()

    def _cut(self) -> None:
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


async def _run(
    app: FastAPI,
    listening: socket.socket,
    url: str,
    settings: Settings,
    ready: Callable[[dict[str, object]], None],
    stop: asyncio.Event,
) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=64 * 1024 * 1024,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=3,
        lifespan="on",
    )
    server = _Server(config)
    tasks = Tasks(lambda name, error: log.debug("%s ended: %s", name, error))  # raised below
    serving = tasks.start(server.serve(sockets=[listening]), name="server")
    answering = tasks.start(server.answering.wait(), name="server-answers")
    stopping = tasks.start(stop.wait(), name="server-stop")
    place = settings.home / "server.json"
    try:
        await asyncio.wait({serving, answering}, return_when=asyncio.FIRST_COMPLETED)
        if server.started:
            facts: dict[str, object] = {"url": url, "home": str(settings.home), "pid": os.getpid()}
            _write(place, json.dumps(facts))
            ready(facts)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # NOTE: a cancelled server must still say good-bye to its websockets, or each of them prints a traceback.
        try:
            await _end_runner(app)
        finally:
            server.should_exit = True
            await asyncio.wait({serving})
            await tasks.close()
            if server.started:
                place.unlink(missing_ok=True)
    serving.result()
    if not server.started:
        raise getattr(app.state, "failure", None) or ClawError("The server could not start; its log says why.")


async def _end_runner(app: FastAPI) -> None:
    """Before anything else: while the link still hears what it proves, and so that it never finds nobody there."""
    app.state.dispatcher.crew.closing = True
    await app.state.runner.close()


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "Give --home a folder that can be made or written."
        raise Invalid(f"{home} cannot be the home: {error.strerror}.", hint=hint) from error


def _need_consent(settings: Settings) -> None:
    if settings.open_to_network or is_local(_reached(settings.host)):
        return
    raise Invalid(
        f"{settings.host} can be reached from other machines.",
        hint="Listen on 127.0.0.1, or say --open-to-network in so many words; that needs sign-in (docs/accounts.md).",
    )


async def _need_sign_in(settings: Settings, ledger: Ledger) -> None:
    """Nobody else may reach a server on which everybody may do everything."""
    if not settings.open_to_network or await ledger.accounts.has_admin():
        return
    raise Invalid(
        "A server that others can reach needs sign-in, and no admin has an account here yet.",
        hint="First: clawgroups accounts add NAME --role admin  (or start without --open-to-network and open the "
        "set-up link that the log shows).",
    )


def _reached(host: str) -> str:
    """The host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _write(path: Path, text: str) -> None:
    """Whole or not at all: scripts read this file while it is written."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def _secret(path: Path) -> str:
    """A secret that outlives restarts, readable only by its owner."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text().strip()


def announce(facts: dict[str, object]) -> None:
    """One line of JSON on standard output, so that scripts can drive the server."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
