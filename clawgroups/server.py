"""The server process: ledger, dispatcher, API and pages in one, with a runner beside it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from clawgroups import __version__
from clawgroups.api import agents, docs, errors, groups, sockets
from clawgroups.api.guard import Guard, is_local
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.supervisor import RunnerProcess
from clawgroups.errors import Invalid
from clawgroups.ledger.ledger import Ledger
from clawgroups.settings import Settings

log = logging.getLogger("clawgroups.server")
ROOT = "/api/v1"


def build(settings: Settings, ledger: Ledger, url: str, *, pages: bool = True) -> FastAPI:
    """The whole application around an open ledger. ``url``: where it will be reached."""
    dispatcher = Dispatcher(settings, ledger)
    runner = RunnerProcess(f"ws{url.removeprefix('http')}/link", dispatcher.crew.token, dispatcher.crew.lose_process)
    dispatcher.runner_status = lambda: runner.status
    dispatcher.kill_runner = lambda pid: runner.kill() if pid == runner.pid else None

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await dispatcher.start()
        if settings.runner:
            await runner.start()
        try:
            yield
        finally:
            await runner.close()
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
    app.include_router(agents.router, prefix=ROOT, tags=["sub-agents"])
    app.include_router(docs.router, prefix=ROOT, include_in_schema=False)
    app.include_router(sockets.router)
    if pages:
        from clawgroups.ui.app import mount

        mount(app, storage_secret=_secret(settings.home / "pages.secret"))
    app.add_middleware(Guard, any_host=settings.open_to_network)
    return app


async def serve(settings: Settings, ready: Callable[[dict[str, object]], None]) -> None:
    """Runs until told to stop. ``ready`` hears the address once it answers.

    Raises Invalid for an address that others could reach without being asked to, LedgerError.
    """
    if not settings.open_to_network and not is_local(settings.host):
        raise Invalid(
            f"{settings.host} can be reached from other machines, and this server has no sign-in yet.",
            hint="Listen on 127.0.0.1, or say --open-to-network in so many words.",
        )
    settings.home.mkdir(parents=True, exist_ok=True)
    listening = _listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    url = f"http://{settings.host if ':' not in settings.host else f'[{settings.host}]'}:{port}"
    ledger = await Ledger.open(settings.database_url)
    try:
        app = build(settings, ledger, url)
        await _run(app, listening, url, settings, ready)
    finally:
        await ledger.close()


async def _run(
    app: FastAPI, listening: socket.socket, url: str, settings: Settings, ready: Callable[[dict[str, object]], None]
) -> None:
    config = uvicorn.Config(
        app,
        log_level="warning",
        ws="websockets-sansio",
        ws_max_size=64 * 1024 * 1024,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=3,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    facts: dict[str, object] = {"url": url, "home": str(settings.home), "pid": os.getpid()}
    place = settings.home / "server.json"
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        place.write_text(json.dumps(facts))
        ready(facts)
    try:
        await serving
    finally:
        place.unlink(missing_ok=True)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise Invalid(
            f"Port {port} on {host} cannot be used: {error.strerror}.",
            hint="Choose another --port, or 0 for a free one.",
        ) from error
    made.listen(512)
    return made


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
