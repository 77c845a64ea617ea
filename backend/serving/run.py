"""Runs one supervised engine with its control until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from backend.control.app import build
from backend.control.monitor import Monitor
from backend.control.subject import Subject
from backend.errors import LaunchFailed
from backend.serving.telling import Telling

log = logging.getLogger("backend.serving")
_PR_SET_PDEATHSIG = 1
TOKEN = "BACKEND_CONTROL_TOKEN"


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run(
    subject: Subject, *, control_host: str = "127.0.0.1", control_port: int = 0, token: str, made: bool = False
) -> None:
    """Starts the engine and answers for it; on SIGTERM or SIGINT it drains the engine and ends.

    Prints one line of JSON with the control's address, and words for people on standard error; ``made``: nobody set
    the token, so a terminal is told it. Raises LaunchFailed for a port that is taken.
    """
    listening = _listen(control_host, control_port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    monitor = Monitor(subject)
    server = _Server(uvicorn.Config(build(subject, monitor, token), log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="control")
    watching = asyncio.create_task(monitor.run(), name="monitor")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    telling = Telling(_say, _address(listening))
    told: asyncio.Task[None] | None = None
    try:
        _announce(listening)
        telling.begin(subject.status(), token if made else "", terminal=sys.stderr.isatty())
        told = asyncio.create_task(telling.run(subject), name="telling")
        await subject.start()
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        watching.cancel()
        stopping.cancel()
        await subject.stop()  # the control answers meanwhile: it says that it drains
        if told:
            told.cancel()
        server.should_exit = True
        results = await asyncio.gather(serving, watching, stopping, return_exceptions=True)
        listening.close()
    for result in results:
        if isinstance(result, Exception):
            raise result


def end_with(parent: int) -> None:
    """Asks the kernel to tell this process when the one that started it is gone, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise LaunchFailed("The process that this backend was started for has ended.")


def _announce(listening: socket.socket) -> None:
    sys.stdout.write(json.dumps({"control": _address(listening)}) + "\n")
    sys.stdout.flush()


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    place = f"[{host}]" if ":" in host else host
    return f"http://{place}:{port}"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise LaunchFailed(
            f"The control cannot listen on {host} port {port}: {error.strerror}.", "Choose another --control-port."
        ) from error
