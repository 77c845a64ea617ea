"""How soon a person has the wheel while hundreds of sub-agents stream: a real server, runner and model server.

``fence``: from the request to the commit of the new epoch, from which on the old driver can write nothing.
``stopped``: from the request to the commit of the proof that the old driver's model call and processes have ended.
Both are seen in the file of the ledger, looked at every millisecond, and so hold the request's way through the API.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.beside import beside
from benchmarks.house import House, Record, until
from clawgroups.testing.model_process import ModelProcess

AGENTS, RATE, TAKE_OVERS, PACE_S, WARM_S = 300, 30.0, 150, 0.1, 2.0
QUICK = {"agents": 6, "take_overs": 4, "warm_s": 0.2, "pages": False}


async def run(
    agents: int = AGENTS, take_overs: int = TAKE_OVERS, warm_s: float = WARM_S, pages: bool = True
) -> dict[str, Any]:
    """Figures of one run. ``streams_tokens_per_s`` is what the model server said meanwhile, in all streams."""
    with tempfile.TemporaryDirectory() as folder, ModelProcess(rate=RATE) as model:
        async with House(Path(folder) / "home", pages=pages) as house:
            await house.found(model.base_url, conductor=f"conductor-{agents}@0", worker="endless")
            await until(lambda: model.report(0)["open"] >= agents, f"{agents} streams", look_s=0.2)
            await asyncio.sleep(warm_s)
            record = Record(house.database)
            before, started = model.report(0)["words"], time.monotonic()
            try:
                times = await _take_over_all(house, record, agents, take_overs)
            finally:
                record.close()
            rate = (model.report(0)["words"] - before) / (time.monotonic() - started)
    fences, stops = ([each[place] for each in times] for place in (0, 1))
    beside(take_overs=take_overs, p50_stopped_ms=_percentile(stops, 50), max_fence_ms=round(max(fences), 1))
    return {
        "p50_fence_ms": _percentile(fences, 50),
        "p99_fence_ms": _percentile(fences, 99),
        "p99_stopped_ms": _percentile(stops, 99),
        "agents": agents,
        "streams_tokens_per_s": round(rate),
    }


async def _take_over_all(house: House, record: Record, agents: int, take_overs: int) -> list[tuple[float, float]]:
    """One after the other; each is handed back at once, so that all the others always stream."""
    workers = record.workers(house.group)[:agents]
    times = []
    for number in range(take_overs):
        times.append(await _take_over(house, record, workers[number * 7 % len(workers)]))
        await asyncio.sleep(PACE_S)
    return times


async def _take_over(house: House, record: Record, agent: str) -> tuple[float, float]:
    """Ms to the fence and ms to the proof of the stop."""
    epoch = record.wheel(agent).epoch
    started = time.perf_counter()
    asking = asyncio.ensure_future(house.call("POST", f"/agents/{agent}/take-over", json={"mode": "now"}))
    try:
        fenced = await record.until(agent, lambda wheel: wheel.epoch > epoch)
        stopped = await record.until(agent, lambda wheel: wheel.seat == wheel.epoch > epoch)
    finally:
        await asking
    await house.call("POST", f"/agents/{agent}/hand-back", json={"note": "Go on."})
    return (fenced - started) * 1000, (stopped - started) * 1000


def _percentile(values: list[float], percent: int) -> float:
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 1)
