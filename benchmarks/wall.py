"""The wall of a group in a real browser: 300 sub-agents say 9,000 words/s, all 300 tiles are on screen.

Beside the browser 19 viewers speak the feed's protocol from this process; the server is another one. While the window
is measured, sub-agents are paused and resumed, one every PROBE_S: a probe's age is the time from the event in the
ledger until the frame after the one in which its tile changed has begun, so that the change has been painted by then.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from benchmarks.beside import beside
from benchmarks.chromium import find, task_seconds, window
from benchmarks.feed import RATE, Viewer, core_percent, speaking, watching
from clawgroups.errors import ClawError
from clawgroups.tasks import Tasks

if TYPE_CHECKING:
    from playwright.async_api import Page

AGENTS, VIEWERS, SECONDS, WARM_S, PROBE_S = 300, 19, 10.0, 3.0, 0.1
WIDTH, HEIGHT = 1500, 1200
QUICK = {"agents": 12, "viewers": 2, "seconds": 2.0, "warm_s": 0.3}
LOAD_S = 60.0
SHOWN = {"agent_paused": "paused", "agent_resumed": "queued"}

# Runs before the page's own scripts: when all tiles were drawn (ms since the navigation began).
_LOADED = """
const look = () => {
  if (document.querySelectorAll(".tile").length < COUNT) requestAnimationFrame(look);
  else requestAnimationFrame(() => { window.benchLoaded = performance.now(); });
};
requestAnimationFrame(look);
"""

# Counts frames, and notes for each tile whose look changes which one it has and when the next frame began.
_OBSERVE = """
() => {
  const seen = window.bench = { frames: 0, shown: [], from: performance.now() };
  const frame = () => { seen.frames++; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new MutationObserver((changes) => {
    const tiles = [...new Set(changes.map(({ target }) => target))].filter((one) => one.matches(".tile"));
    const looks = tiles.map((tile) => [tile.dataset.id, tile.dataset.look]);
    requestAnimationFrame(() => { for (const look of looks) seen.shown.push([...look, Date.now()]); });
  }).observe(document.querySelector(".wall-field"), { subtree: true, attributeFilter: ["data-look"] });
}
"""
_IN_SIGHT = """
() => [...document.querySelectorAll(".tile")].filter((tile) => {
  const { left, top, right, bottom } = tile.getBoundingClientRect();
  const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && tile.contains(over);
}).length
"""


async def run(
    agents: int = AGENTS, viewers: int = VIEWERS, seconds: float = SECONDS, warm_s: float = WARM_S
) -> dict[str, Any]:
    """Figures of one run. ``server_core_percent``: what the same server takes without any viewer is taken off.

    Raises NoBrowser; ClawError when the wall does not show every tile.
    """
    find()
    async with speaking(agents, "pages") as (server, place):
        async with window(WIDTH, HEIGHT) as page:
            seen = [Viewer() for _ in range(viewers)]
            async with watching(place, seen, agents):
                load_ms = await opened(page, place, agents)
                await asyncio.sleep(warm_s)
                found = await _measured(page, server, place, agents, seconds)
        await asyncio.sleep(max(warm_s, 1.0))
        alone = await core_percent(server, seconds)
    ages = found.pop("ages")
    beside(with_viewers=round(found["busy"], 1), without=round(alone, 1), words_per_s=round(agents * RATE),
           viewers=viewers + 1, probes=len(ages), probes_sent=found["sent"])  # fmt: skip
    if not ages:
        raise ClawError("No probe came on screen, so there is no age to tell.", code="no_probe")
    return {
        "fps": round(found["fps"], 1),
        "p95_ms": ages[int(len(ages) * 0.95)],
        "main_thread_percent": round(found["main"], 1),
        "server_core_percent": round(found["busy"] - alone, 1),
        "load_ms": round(load_ms),
    }


async def opened(page: Page, place: dict[str, str], agents: int) -> float:
    """Opens the group's page; ms from the beginning of the navigation until all tiles were drawn, all in sight."""
    await page.add_init_script(_LOADED.replace("COUNT", str(agents)))
    await page.goto(f"{place['url'].replace('ws', 'http', 1)}/groups/{place['group']}", wait_until="commit")
    await page.wait_for_function("() => window.benchLoaded", timeout=LOAD_S * 1000)
    in_sight = await page.evaluate(_IN_SIGHT)
    if in_sight != agents:
        raise ClawError(f"Only {in_sight} of {agents} tiles can be seen.", code="not_in_sight")
    return float(await page.evaluate("() => window.benchLoaded"))


async def _measured(
    page: Page, server: psutil.Process, place: dict[str, str], agents: int, seconds: float
) -> dict[str, Any]:
    """The window: frames a second, busy percent of the page's main thread and of the server, the probes' ages."""
    tools = await page.context.new_cdp_session(page)
    await tools.send("Performance.enable")
    tasks = Tasks()
    api = f"{place['url'].replace('ws', 'http', 1)}/api/v1"
    async with httpx.AsyncClient(base_url=api, timeout=30, trust_env=False) as client:
        first = (await client.get(f"/groups/{place['group']}")).raise_for_status().json()["seq"]
        await page.evaluate(_OBSERVE)
        probes = Probes(client, place["group"], agents)
        probing = tasks.start(probes.send(), name="probes")
        tasks_before, began = await task_seconds(tools), time.monotonic()
        busy = await core_percent(server, seconds)
        main = (await task_seconds(tools) - tasks_before) / (time.monotonic() - began)
        seen = await page.evaluate("() => ({ ...window.bench, to: performance.now() })")
        if probing.done():
            probing.result()  # it raises: a probe was refused
        await tasks.close()
        events = await _events(client, place["group"], first)
    fps = seen["frames"] / (seen["to"] - seen["from"]) * 1000
    return {"fps": fps, "main": 100 * main, "busy": busy, "ages": ages_of(events, seen["shown"]), "sent": probes.sent}


class Probes:
    """Pauses every sub-agent in turn, then lets each go on, and so forth."""

    def __init__(self, client: httpx.AsyncClient, group: str, agents: int) -> None:
        self.sent = 0
        self._client = client
        self._agents = [f"{group}-{number}" for number in range(1, agents + 1)]

    async def send(self) -> None:
        """One every PROBE_S, until it is cancelled."""
        for act in itertools.cycle(("pause", "resume")):
            for agent in self._agents:
                (await self._client.post(f"/agents/{agent}/{act}")).raise_for_status()
                self.sent += 1
                await asyncio.sleep(PROBE_S)


async def _events(client: httpx.AsyncClient, group: str, after: int) -> list[dict[str, Any]]:
    """The events of the group since ``after``."""
    found: list[dict[str, Any]] = []
    while True:
        page = (await client.get(f"/groups/{group}/events", params={"after": after})).raise_for_status().json()
        found += page["events"]
        if not page["events"]:
            return found
        after = page["events"][-1]["seq"]


def ages_of(events: list[dict[str, Any]], shown: list[tuple[str, str, int]]) -> list[int]:
    """Ms from each event of a probe until its look was on screen, in ascending order.

    Of the same look of one tile the first event belongs to the first change; what was not shown yet has no age.
    """
    changes: dict[tuple[str, str], deque[int]] = defaultdict(deque)
    for agent, look, at in shown:
        changes[agent, look].append(at)
    ages = []
    for event in events:
        waiting = changes.get((event["agent_id"], SHOWN.get(event["kind"], "")))
        if waiting:
            ages.append(waiting.popleft() - event["at"])
    return sorted(ages)
