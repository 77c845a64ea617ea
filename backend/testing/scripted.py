"""A control over an engine that a script plays: ``python -m backend.testing.scripted --token TOKEN``.

The routes, the monitor and the shapes are the real ones; only the engine is played. ``POST /script`` with fields of
``Status`` (and ``metrics``: totals by SGLang's names without the prefix, ``log``: lines) says what it does next.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import time
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from backend.control.app import build
from backend.control.monitor import Monitor
from backend.control.shapes import Progress, Status


class Played:
    """A subject that is what it was told to be. ``asked`` are the words that it heard."""

    def __init__(self, metrics_url: str) -> None:
        self.said = Status(
            state="ready", engine="sglang", model="/models/Kimi-K2.6", served_name="kimi-k2.6", since=time.time()
        )
        self.metrics: dict[str, float] = {}
        self.lines: list[str] = []
        self.asked: list[str] = []
        self._metrics_url = metrics_url

    @property
    def metrics_url(self) -> str:
        return self._metrics_url if self.said.state == "ready" else ""

    def status(self) -> Status:
        """A copy, for the control adds to it."""
        return self.said.model_copy()

    def log(self, after: int) -> list[tuple[int, str]]:
        """Numbered from 1."""
        return list(enumerate(self.lines, 1))[after:]

    async def start(self) -> None:
        """Loads, until the script says that it is ready."""
        self._turn("start", "loading")

    async def stop(self) -> None:
        """Stops at once."""
        self._turn("stop", "stopped")

    async def restart(self) -> None:
        """Loads again."""
        self._turn("restart", "loading")

    def _turn(self, word: str, state: Any) -> None:
        self.asked.append(word)
        self.said = self.said.model_copy(update={"state": state, "progress": Progress(), "since": time.time()})

    def play(self, script: dict[str, Any]) -> None:
        """Takes what is given over what was."""
        self.metrics |= script.pop("metrics", {})
        self.lines += script.pop("log", [])
        self.said = Status.model_validate(self.said.model_dump() | script)

    def text(self) -> str:
        """The metrics as Prometheus reads them."""
        return "".join(f"sglang:{name} {value}\n" for name, value in self.metrics.items())


def played(port: int, token: str) -> FastAPI:
    """The control's application with the script's routes before it."""
    subject = Played(f"http://127.0.0.1:{port}/metrics")
    monitor = Monitor(subject)
    outer = FastAPI()

    @outer.post("/script")
    async def script(request: Request) -> dict[str, Any]:
        subject.play(await request.json())
        return {"asked": subject.asked}

    @outer.get("/metrics")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(subject.text())

    outer.mount("/", build(subject, monitor, token))
    outer.state.monitor = monitor
    return outer


async def _serve(port: int, token: str) -> None:
    listening = socket.create_server(("127.0.0.1", port))
    chosen = listening.getsockname()[1]
    app = played(chosen, token)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(app.state.monitor.run())
        sys.stdout.write(json.dumps({"control": f"http://127.0.0.1:{chosen}"}) + "\n")
        sys.stdout.flush()
        await server.serve(sockets=[listening])
        watching.cancel()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", required=True)
    given = parser.parse_args()
    asyncio.run(_serve(given.port, given.token))


if __name__ == "__main__":
    main()
