"""The peer of ``streams``: the same streams read with the official openai client, in a process of its own.

Its package is loaded by name: it is there only after ``make setup-bench``.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any

import uvloop

from benchmarks.streams import TASK, Meter
from clawgroups.tasks import Tasks


async def _read(client: Any, meter: Meter) -> None:
    stream = await client.chat.completions.create(
        model="endless",
        messages=[{"role": "user", "content": TASK}],
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            meter.words += 1


async def _run(base_url: str, streams: int, seconds: float, warm_s: float) -> None:
    openai: Any = importlib.import_module("openai")
    meter, tasks = Meter(), Tasks()
    plain = openai.DefaultAsyncHttpxClient(trust_env=False)
    client = openai.AsyncOpenAI(base_url=base_url, api_key="none", http_client=plain)
    for number in range(streams):
        tasks.start(_read(client, meter), name=f"stream-{number}")
    await asyncio.sleep(warm_s)
    meter.open()
    await asyncio.sleep(seconds)
    counted = meter.read()
    await tasks.close()
    await client.close()
    sys.stdout.write(json.dumps(counted) + "\n")


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
