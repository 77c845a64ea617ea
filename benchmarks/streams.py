"""What reading 300 model streams of 30 words a second costs this process, beside the official openai client.

The model server is a process of its own; so is the openai client, which does the same work on the same kind of
event loop and counts in the same way. CPU is user and system time of the reading process alone.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.beside import beside
from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import Entry
from clawgroups.runner.drivers.base import DeltaKind, OnDelta
from clawgroups.runner.drivers.model import ModelDriver, make_client
from clawgroups.runner.live import LiveDeltas
from clawgroups.tasks import Tasks
from clawgroups.testing.model_process import ModelProcess

STREAMS, RATE, WARM_S, SECONDS = 300, 30.0, 3.0, 10.0
CHECKOUT = Path(__file__).parent.parent
QUICK = {"streams": 8, "seconds": 2.0, "warm_s": 0.5}
TASK = "Say words until you are stopped."


class Meter:
    """Counts words and CPU seconds between ``open`` and ``read``."""

    def __init__(self) -> None:
        self.words = 0
        self.open()

    def open(self) -> None:
        """Starts to count."""
        self.words = 0
        self._cpu = _cpu_seconds()
        self._since = time.monotonic()

    def read(self) -> dict[str, float]:
        """cpu_s, seconds and words since ``open``."""
        return {"cpu_s": _cpu_seconds() - self._cpu, "seconds": time.monotonic() - self._since, "words": self.words}


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


async def run(streams: int = STREAMS, seconds: float = SECONDS, warm_s: float = WARM_S) -> dict[str, Any]:
    """Figures of one run; ``ratio_openai_client`` is its CPU a word over ours (null: its package is missing)."""
    with ModelProcess(rate=RATE) as server:
        ours = await _ours(server.base_url, streams, seconds, warm_s)
        theirs = await _theirs(server.base_url, streams, seconds, warm_s)
    micros = ours["cpu_s"] / max(1, ours["words"]) * 1e6
    their_micros = theirs["cpu_s"] / max(1, theirs["words"]) * 1e6 if theirs else None
    beside(openai_us_per_token=round(their_micros, 1) if their_micros else None)
    return {
        "core_percent": round(100 * ours["cpu_s"] / ours["seconds"], 1),
        "streams": streams,
        "tokens_per_s": round(ours["words"] / ours["seconds"]),
        "us_per_token": round(micros, 1),
        "ratio_openai_client": round(their_micros / micros, 2) if their_micros else None,
    }


async def _ours(base_url: str, streams: int, seconds: float, warm_s: float) -> dict[str, float]:
    """The way of a word in the runner: the driver, then the frames of live text."""
    meter, tasks = Meter(), Tasks()
    live = LiveDeltas(lambda frame: None)
    config = ModelConfig(base_url=base_url, model="endless")

    def hears(agent: str) -> OnDelta:
        def heard(kind: DeltaKind, text: str) -> None:
            meter.words += 1
            live.add(agent, 1, kind, text)

        return heard

    async with make_client() as client:
        tasks.start(live.run(), name="live")
        for number in range(streams):
            driver, agent = ModelDriver(config, "", client), f"agent-{number}"
            thread = [Entry(role="user", content=TASK)]
            tasks.start(driver.turn(thread, (), hears(agent)), name=agent)
        await asyncio.sleep(warm_s)
        meter.open()
        await asyncio.sleep(seconds)
        counted = meter.read()
        await tasks.close()
    return counted


async def _theirs(base_url: str, streams: int, seconds: float, warm_s: float) -> dict[str, float] | None:
    if importlib.util.find_spec("openai") is None:
        return None
    command = [sys.executable, "-m", "benchmarks.streams_openai", base_url, *map(str, (streams, seconds, warm_s))]
    process = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"The openai client's process ended with status {process.returncode}.")
    counted: dict[str, float] = json.loads(said)
    return counted
