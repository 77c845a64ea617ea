"""How fast the backend's CPU engine is beside transformers, and what it saves when requests share their beginning.

One checkpoint of about 195 million parameters, random weights, INT4 experts; transformers has them unpacked to bf16, as
it would itself. llama.cpp is measured too where it is: see ``llamacpp.py``. All run in one process and take turns, so
that a busy machine slows all; the best of some rounds counts, by processor time on one thread and by the wall clock on
two. Sharing is measured through the whole engine, scheduler and all: requests with one long beginning and an end of
their own, with the shared prefix and without.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.beside import beside

ROUNDS, PREFILL, REQUESTS, COMMON, UNSHARED = 6, 300, 300, 2_000, 20
QUICK = {"shape": "default", "rounds": 1, "prefill": 40, "requests": 6, "common": 100, "unshared": 3}


async def run(
    shape: str = "bench",
    rounds: int = ROUNDS,
    prefill: int = PREFILL,
    requests: int = REQUESTS,
    common: int = COMMON,
    unshared: int = UNSHARED,
) -> dict[str, Any]:
    """The figures. ``unshared``: of how many requests the time without sharing is measured; each takes as long as
    any other then, so that of all of them is as many times more."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "checkpoint"
        await asyncio.to_thread(_make, place, shape)
        one = await _measured(place, "speed", threads=1, rounds=rounds, prefill=prefill)
        two = await _measured(place, "speed", threads=2, rounds=rounds, prefill=prefill)
        sharing = await _measured(place, "sharing", requests=requests, common=common, unshared=unshared)
    for figures in (one, two, sharing):
        beside(**figures)
    return {
        "decode_b1_ratio": one["ratios"]["decode_b1"],
        "decode_b32_ratio": one["ratios"]["decode_b32"],
        "prefill_ratio": one["ratios"]["prefill"],
        "prefix_share_ratio": sharing["ratio"],
        "bandwidth_fraction": one["bandwidth_fraction"],
        **_beside_llamacpp(one),
    }


def _beside_llamacpp(speed: dict[str, Any]) -> dict[str, Any]:
    """Ours over llama.cpp's with the same bits everywhere, and what was measured, or why it was not."""
    ratios = speed["ratios_llamacpp"]
    return {f"llamacpp_{what}_ratio": ratios[what] for what in ("decode_b1", "decode_b32", "prefill")} | {
        "llamacpp": speed["llamacpp"]
    }


def _make(folder: Path, shape: str) -> None:
    from backend.tiny import make
    from backend.tiny.shape import SHAPES

    make(folder, shape=SHAPES[shape], seed=1)


async def _measured(folder: Path, what: str, **options: int) -> dict[str, Any]:
    """What ``engine_speed`` measures, in a process of its own: OpenMP must know how to wait before torch starts it."""
    command = [sys.executable, "-m", "benchmarks.engine_speed", str(folder), what, json.dumps(options)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"measuring {what} ended with {process.returncode}; see above")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found
