"""Starts a runner: joins a dispatcher, and ends with its parent, its dispatcher or a signal."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import uvloop

from clawgroups.errors import DriverError
from clawgroups.group.members import MemberKind
from clawgroups.link import messages as ms
from clawgroups.link.transport import Transport
from clawgroups.link.websocket import ClientTransport
from clawgroups.runner.asks import Asks
from clawgroups.runner.attached import kept_in
from clawgroups.runner.client import Alone, LinkClient, Turned
from clawgroups.runner.drivers.base import Driver
from clawgroups.runner.drivers.model import ModelDriver, make_client
from clawgroups.runner.drivers.program import ProgramDriver
from clawgroups.runner.house import House
from clawgroups.runner.live import LiveDeltas
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import SandboxLevel, probe
from clawgroups.runner.tools.toolbox import Toolbox
from clawgroups.runner.workspace import Workspace
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.runner")
TOKEN = "CLAWGROUPS_LINK_TOKEN"
_PR_SET_PDEATHSIG = 1


class Runner:
    """Everything of one runner process, put together."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._tasks = Tasks()

    async def run(self) -> int:
        """Serves until it must end. Returns the exit status: 0 asked to, 3 turned away, 4 left alone."""
        level = await asyncio.to_thread(probe)
        toolbox, reaper, client = Toolbox(level), Reaper(namespaces=level.ok), make_client()
        if left := await reaper.sweep():
            log.warning("killed %d processes that a former runner left behind", left, extra={"action": "swept"})
        link = LinkClient(self._dial, _hello(self._token, toolbox, level, reaper))
        live = LiveDeltas(link.show)
        house = House(
            send=link.send,
            make_driver=lambda drive, workspace, seat: _driver(drive, workspace, seat, client, reaper),
            toolbox=toolbox,
            reaper=reaper,
            live=live,
            asks=Asks(client, reaper),
        )
        link.attach(house.hear, house.close)
        self._tasks.start(live.run(), name="live")
        try:
            return await self._until_the_end(link)
        finally:
            await house.close()
            await self._tasks.close()
            await client.aclose()

    async def _dial(self) -> Transport:
        return await ClientTransport.dial(self._url)

    async def _until_the_end(self, link: LinkClient) -> int:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        serving = asyncio.ensure_future(link.run())
        ending = asyncio.ensure_future(asked.wait())
        await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not serving.done():
            serving.cancel()
            await asyncio.wait({serving})
            return 0
        error = serving.exception()
        log.error("%s", error, extra={"action": "runner_ends"})
        if isinstance(error, Turned):
            return 3
        return 4 if isinstance(error, Alone) else 1


def _hello(token: str, toolbox: Toolbox, level: SandboxLevel, reaper: Reaper) -> ms.Hello:
    return ms.Hello(
        version=ms.VERSION,
        token=token,
        runner=socket.gethostname(),
        session="",
        received=0,
        tools=toolbox.specs,
        sandbox=level.level,
        sandbox_detail=level.detail if level.ok else f"{level.detail} Stops: {reaper.promise}.",
        pid=os.getpid(),
    )


def _driver(drive: ms.DriveSeat, workspace: Workspace, seat: str, client: httpx.AsyncClient, reaper: Reaper) -> Driver:
    member = drive.member
    if member.kind is MemberKind.MODEL and member.model is not None:
        return ModelDriver(member.model, drive.secret, client, images=kept_in(drive.place))
    if member.kind is MemberKind.PROGRAM and member.program is not None:
        return ProgramDriver(
            member.program,
            agent=drive.agent,
            name=drive.name,
            role=drive.role,
            task=drive.task,
            cwd=workspace.root,
            reaper=reaper,
            seat=seat,
        )
    raise DriverError(f"This runner cannot drive {member.name} ({member.kind.value}).", kind="config")


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when its parent (a process id) dies, however that happens."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(4)  # the parent died before the kernel was asked


def take_token() -> str:
    """The token from the environment, which then holds it no more: /proc shows a process's environment to others."""
    token = os.environ.get(TOKEN, "")
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    address = libc.getenv(TOKEN.encode())
    if address:  # what unsetenv leaves in place is the very memory that /proc shows
        ctypes.memset(address, 0, len(os.fsencode(token)))
    os.environ.pop(TOKEN, None)
    return token


def main() -> None:
    """The command line: ``python -m clawgroups.runner --url ws://...``; the token comes by the environment."""
    parser = argparse.ArgumentParser(prog="clawgroups.runner", description="Drives sub-agents for a dispatcher.")
    parser.add_argument("--url", required=True, help="the dispatcher's link, ws://host:port/link")
    parser.add_argument("--token-file", type=Path, help=f"file with the token; else {TOKEN} in the environment")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="process id of whoever started it")
    parser.add_argument("--stay", action="store_true", help="do not end with the parent process")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s runner %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if not arguments.stay:
        die_with_parent(arguments.parent)
    token = arguments.token_file.read_text().strip() if arguments.token_file else take_token()
    sys.exit(uvloop.run(Runner(arguments.url, token).run()))
