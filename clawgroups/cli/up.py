"""``clawgroups up``: starts the control room and tells where it is."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from clawgroups.cli.house import Api, Database, Home, Json, home_key, serving, settings_of
from clawgroups.cli.logs import set_up_logging
from clawgroups.dispatcher.accounts.key_files import SET_UP_KEY, KeyFile
from clawgroups.errors import ClawError, Invalid, LedgerBusy
from clawgroups.listening import listen
from clawgroups.settings import Settings
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.up")
_PR_SET_PDEATHSIG = 1


def up(
    context: typer.Context,
    home: Home = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port; 0 picks a free one (default: 8700).", show_default=False),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (default: 127.0.0.1).", show_default=False)
    ] = None,
    open_to_network: Annotated[
        bool,
        typer.Option("--open-to-network", help="Allow other machines to reach it, under any name. Needs sign-in."),
    ] = False,
    database: Database = None,
    survey: Annotated[
        Path | None, typer.Option(help="Survey this folder at first start; it is only read.", show_default=False)
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(help="Serve this checkpoint's folder, or use the backend at this address.", show_default=False),
    ] = None,
    pages: Annotated[bool, typer.Option("--pages/--no-pages", hidden=True)] = True,
    parent: Annotated[int | None, typer.Option(hidden=True, help="End with this process.")] = None,
) -> None:
    """Start the control room.

    Prints one line of JSON (url, home, pid) when it answers. Ctrl-C or SIGTERM ends it; what is under way goes on at
    the next start.
    """
    if parent is not None:
        _end_with(parent)
    set_up_logging(logging.DEBUG if context.find_root().params.get("verbose") else logging.INFO)
    folder = _survey_folder(survey)
    settings = settings_of(
        home=home, port=port, host=host, database=database, open_to_network=open_to_network or None, folder=folder,
        backend=backend,
    )  # fmt: skip
    _refuse_second(settings.home)
    listen(settings.host, settings.port).close()  # what takes seconds to load is loaded for a port that can be had
    try:
        uvloop.run(_up(settings, pages, folder))
    except LedgerBusy as error:
        raise _busy(settings) from error


async def _up(settings: Settings, pages: bool, survey: Path | None) -> None:
    from clawgroups import server  # only this command needs it, and it is slow to load

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = Tasks()

    def ready(facts: Json) -> None:
        server.announce(facts)
        log.info("The control room is at %s", facts["url"])
        key = KeyFile(settings.home / SET_UP_KEY).read()
        if key:
            log.info("Nobody signs in here. To set it up, once: %s/set-up?key=%s", facts["url"], key)
        if survey is not None:
            tasks.start(asyncio.to_thread(_first_survey, facts, survey), name="first-survey")

    try:
        await server.serve(settings, ready, pages=pages, stop=stop)
    finally:
        await tasks.close()
    log.info("Stopped; what is under way goes on at the next start.")


def _first_survey(facts: Json, folder: Path) -> None:
    """Starts a survey of the folder, unless this home has one already."""
    api = Api(facts, token=home_key(Path(facts["home"])))
    try:
        if any(group["folder"] == str(folder) for group in api.get("/groups")["groups"]):
            return
        body = {"name": f"Survey of {folder.name}", "template": "survey", "folder": str(folder), "start": True}
        made = api.post("/groups", body)
        log.info("A survey of %s runs: %s/groups/%s", folder, api.url, made["id"])
    except ClawError as error:
        log.error("The survey could not be started: %s %s", error.sentence, error.hint)
    finally:
        api.close()


def _survey_folder(survey: Path | None) -> Path | None:
    if survey is None:
        return None
    folder = survey.expanduser().resolve()
    if not folder.is_dir():
        raise Invalid(f"There is no folder {survey} to survey.", hint="Give the path of a folder on this machine.")
    return folder


def _end_with(parent: int) -> None:
    """Asks the kernel to end this server cleanly when the process that started it is gone, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise ClawError("The process that this server was started for has ended.")


def _refuse_second(home: Path) -> None:
    facts = serving(home)
    if facts is not None:
        raise LedgerBusy(
            f"A server runs for {home} already, at {facts['url']} (process {facts['pid']}).",
            hint="Open that address, stop that server, or give this one another --home.",
        )


def _busy(settings: Settings) -> ClawError:
    facts = serving(settings.home)
    where = f"at {facts['url']} (process {facts['pid']})" if facts else "on this or another machine"
    return LedgerBusy(f"Another server {where} has this database.")
