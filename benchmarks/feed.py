"""What the feed costs the server and how old its words are on arrival: 300 sub-agents, 9,000 words/s, 20 viewers.

Viewers speak the real protocol over real websockets from this process. Each watches the live text of ten sub-agents
and has the numbers of all. ``kept_percent`` is the share of the watched words that arrived.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.beside import beside
from clawgroups.tasks import Tasks

AGENTS, RATE, VIEWERS, WATCHED, WARM_S, SECONDS = 300, 30.0, 20, 10, 2.0, 10.0
CHECKOUT = Path(__file__).parent.parent
QUICK = {"agents": 12, "viewers": 3, "seconds": 1.0, "warm_s": 0.3}
_decode = msgspec.json.Decoder().decode


class Viewer:
    """Counts what arrives within the window."""

    def __init__(self) -> None:
        self.open = False
        self.words = 0
        self.ages: list[float] = []
        self.batches = 0

    async def run(self, socket: ClientConnection, agents: list[str]) -> None:
        """Reads until the connection ends."""
        await socket.send(json.dumps({"t": "watch", "agents": agents}))
        async for text in socket:
            said = _decode(text)
            if self.open:
                for frame in said if isinstance(said, list) else [said]:
                    self._hear(frame)

    def _hear(self, frame: dict[str, Any]) -> None:
        if frame["t"] == "batch":
            self.batches += 1
        elif frame["t"] == "text" and not frame.get("reset"):
            now = time.monotonic() * 1000
            said = frame["add"].split()
            self.words += len(said)
            self.ages.extend(now - float(word) for word in said)


async def run(
    agents: int = AGENTS, viewers: int = VIEWERS, seconds: float = SECONDS, warm_s: float = WARM_S
) -> dict[str, Any]:
    """Figures of one run. ``server_core_percent`` is the feed's share: what the same server takes without any viewer,
    measured before and after, is taken off.
    """
    async with speaking(agents) as (server, place):
        await asyncio.sleep(warm_s)
        before = await core_percent(server, seconds / 2)
        seen = [Viewer() for _ in range(viewers)]
        busy = await _watched(server, place, seen, agents, seconds, warm_s)
        await asyncio.sleep(warm_s)
        alone = (before + await core_percent(server, seconds / 2)) / 2
    ages = sorted(age for viewer in seen for age in viewer.ages)
    said = seconds * RATE * min(WATCHED, agents) * viewers
    rate = sum(viewer.batches for viewer in seen) / viewers / seconds
    beside(with_viewers=round(busy, 1), without=round(alone, 1), words_per_s=round(agents * RATE), batches_per_s=rate)
    return {
        "server_core_percent": round(busy - alone, 1),
        "p95_ms": round(ages[int(len(ages) * 0.95)], 1) if ages else None,
        "viewers": viewers,
        "kept_percent": round(min(100.0, 100 * sum(viewer.words for viewer in seen) / said), 1),
    }


async def _watched(
    server: psutil.Process, place: dict[str, str], seen: list[Viewer], agents: int, seconds: float, warm_s: float
) -> float:
    """The server's percent of a core while all ``seen`` watch."""
    async with watching(place, seen, agents):
        await asyncio.sleep(warm_s)
        for viewer in seen:
            viewer.open = True
        busy = await core_percent(server, seconds)
        for viewer in seen:
            viewer.open = False
    return busy


@asynccontextmanager
async def watching(place: dict[str, str], seen: list[Viewer], agents: int) -> AsyncIterator[None]:
    """Each of ``seen`` is connected to the feed of the group at ``place`` and watches the words of its own ten."""
    tasks = Tasks()
    sockets: list[ClientConnection] = []
    try:
        for number, viewer in enumerate(seen):
            url = f"{place['url']}/api/v1/groups/{place['group']}/feed"
            sockets.append(await connect(url, max_size=None, compression=None))
            watched = [f"{place['group']}-{(number * WATCHED + i) % agents + 1}" for i in range(min(WATCHED, agents))]
            tasks.start(viewer.run(sockets[-1], watched), name=f"viewer-{number}")
        yield
    finally:
        for socket in sockets:
            await socket.close()
        await tasks.close()


@asynccontextmanager
async def speaking(agents: int, *options: str) -> AsyncIterator[tuple[psutil.Process, dict[str, str]]]:
    """The server whose sub-agents speak, in a process of its own; its ``url`` (of websockets) and ``group``."""
    command = [sys.executable, "-m", "benchmarks.feed_source", str(agents), str(RATE), *options]
    process = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield psutil.Process(process.pid), json.loads(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def core_percent(process: psutil.Process, seconds: float) -> float:
    """CPU of a process over a window, as percent of one core."""
    before, started = process.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after = process.cpu_times()
    used = (after.user + after.system) - (before.user + before.system)
    return 100 * used / (time.monotonic() - started)
