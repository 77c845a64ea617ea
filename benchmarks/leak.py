"""Whether memory grows with what is shown: the page's heap and the server's, after 100,000 and after 1,000,000 updates.

The wall is open in a real browser at the large size, so that the words of every tile in sight come in and are drawn,
turn after turn, while sub-agents are paused and resumed and one drawer after the other is opened and closed.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from benchmarks.beside import beside
from benchmarks.chromium import find, heap_bytes, window
from benchmarks.feed import RATE, speaking
from benchmarks.wall import HEIGHT, WIDTH, Probes, opened
from clawgroups.tasks import Tasks

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

AGENTS, FIRST, LAST = 300, 100_000, 1_000_000
QUICK = {"agents": 100, "first": 20_000, "last": 60_000}
HOLD = 1.15
MOMENTS = 11  # the page goes on meanwhile: words under way and a drawer that is open make moments differ by up to 10 %


async def run(agents: int = AGENTS, first: int = FIRST, last: int = LAST) -> dict[str, Any]:
    """Figures of one run: what is held after ``last`` updates over what was held after ``first``. Raises NoBrowser."""
    find()
    async with speaking(agents, "pages") as (server, place), window(WIDTH, HEIGHT) as page:
        await opened(page, place, agents)
        await page.get_by_role("button", name="Large tiles with live text").click()
        tools = await page.context.new_cdp_session(page)
        tasks = Tasks()
        api = f"{place['url'].replace('ws', 'http', 1)}/api/v1"
        async with httpx.AsyncClient(base_url=api, timeout=30, trust_env=False) as client:
            began = time.monotonic()
            probing = tasks.start(Probes(client, place["group"], agents).send(), name="probes")
            browsing = tasks.start(_browse(page, agents), name="browse")
            await asyncio.sleep(first / (agents * RATE))
            before = await _held(tools, server)
            await asyncio.sleep(max(0.0, last / (agents * RATE) - (time.monotonic() - began)))
            after = await _held(tools, server)
            for task in (probing, browsing):
                if task.done():
                    task.result()  # it raises: what was measured is not what was meant
            await tasks.close()
    beside(heap_mb=[round(held[0] / 2**20, 1) for held in (before, after)],
           server_mb=[round(held[1] / 2**20, 1) for held in (before, after)])  # fmt: skip
    return {
        "updates": last,
        "heap_ratio": round(after[0] / before[0], 3),
        "server_ratio": round(after[1] / before[1], 3),
    }


async def _held(tools: CDPSession, server: psutil.Process) -> tuple[int, int]:
    """Bytes in use by the page's scripts, in the middle of MOMENTS, and the server's resident memory."""
    return int(statistics.median([await heap_bytes(tools) for _ in range(MOMENTS)])), server.memory_info().rss


async def _browse(page: Page, agents: int) -> None:
    """Opens and closes the drawers of one sub-agent after the other, until it is cancelled."""
    number = 0
    while True:
        tile = page.locator(".tile").nth(number % agents)
        await tile.dispatch_event("click")
        await page.locator(".drawer-head").wait_for()
        await page.keyboard.press("Escape")
        await page.locator(".drawer-head").wait_for(state="hidden")
        number += 1
        await asyncio.sleep(0.5)
