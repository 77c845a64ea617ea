"""How soon a finished group of 1.2 million steps is on the screen again, after the server was started anew.

``open_ms`` is from the request for the group's feed to its snapshot; ``transcript_page_ms`` is the slowest of many
pages of its threads, from their beginnings, middles and ends; ``server_mb`` is the most memory that the server process
has had (resident, with its pages and the search catching up meanwhile).
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from benchmarks.beside import beside
from clawgroups.ledger.ledger import Ledger
from clawgroups.testing.long_group import LongGroup
from clawgroups.testing.server_process import ServerProcess

AGENTS, STEPS, LOOKED_AT = 300, 4_000, 12
QUICK = {"agents": 5, "steps": 40, "pages": False}
GROUP = "longgrp"
FAR = 2**53 - 1
PAGE = 60


async def run(agents: int = AGENTS, steps: int = STEPS, pages: bool = True) -> dict[str, Any]:
    """Figures of one group of ``agents`` x ``steps`` steps."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        events, seconds = await _write(home, agents, steps)
        size = (home / "clawgroups.db").stat().st_size
        with ServerProcess(home, pages=pages) as server:
            await asyncio.to_thread(server.restart)
            opened, tiles = await _open(server)
            slowest, count = await _read(server, tiles)
            memory = _most_memory(server.pid)
    beside(
        steps=agents * steps, events=events, generated_s=round(seconds, 1), database_mb=round(size / 1e6), pages=count
    )
    return {"open_ms": round(opened, 1), "transcript_page_ms": round(slowest, 1), "server_mb": round(memory)}


async def _write(home: Path, agents: int, steps: int) -> tuple[int, float]:
    """How many events the group has, and how long they took."""
    ledger = await Ledger.open(f"sqlite+aiosqlite:///{home / 'clawgroups.db'}")
    began = time.perf_counter()
    try:
        made = LongGroup(GROUP, agents, steps)
        await made.write(ledger.writer)
        return made.events, time.perf_counter() - began
    finally:
        await ledger.close()


async def _open(server: ServerProcess) -> tuple[float, list[str]]:
    """The ms until the snapshot is here, and the sub-agents in it. Raises RuntimeError when it is no snapshot."""
    address = f"{server.api.replace('http', 'ws', 1)}/groups/{GROUP}/feed"
    began = time.perf_counter()
    async with connect(address, max_size=None, proxy=None) as feed:
        frame = json.loads(await feed.recv())
        taken = (time.perf_counter() - began) * 1000
    if frame["t"] != "snapshot" or frame["group"]["status"] != "finished":
        raise RuntimeError(f"The feed began with {str(frame)[:200]}")
    return taken, [tile["id"] for tile in frame["tiles"]]


async def _read(server: ServerProcess, tiles: list[str]) -> tuple[float, int]:
    """(ms of the slowest page, how many pages were read). Raises RuntimeError for a page without lines."""
    slowest, count = 0.0, 0
    async with httpx.AsyncClient(base_url=server.api, timeout=60, trust_env=False) as client:
        last = (await client.get(f"/groups/{GROUP}")).json()["seq"]
        for agent in tiles[1 :: max(1, len(tiles) // LOOKED_AT)]:
            for place in (f"before={FAR}", f"before={last // 2}", "after=0", f"after={last // 3}"):
                began = time.perf_counter()
                answer = await client.get(f"/agents/{agent}/transcript?{place}&limit={PAGE}")
                slowest = max(slowest, (time.perf_counter() - began) * 1000)
                count += 1
                if not answer.json()["entries"]:
                    raise RuntimeError(f"{agent} has no lines at {place}")
    return slowest, count


def _most_memory(pid: int) -> float:
    """The most MB that a process has had resident so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    high = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(high.split()[1]) / 1024
