"""A real headless Chromium for the benchmarks of the pages, and what its tools measure."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from clawgroups.errors import ClawError

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoBrowser(ClawError):
    """There is no browser to measure with."""

    code = "no_browser"


def find() -> str:
    """Where Chromium is. Raises NoBrowser when it, or what drives it, is missing."""
    if importlib.util.find_spec("playwright") is None:
        raise NoBrowser("Playwright, which drives the browser, is not installed.", hint="Run `make setup-test`.")
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
    if not found or shutil.which(found) is None:
        hint = "Run `make setup-test`, install the package chromium, or name the program in CHROMIUM."
        raise NoBrowser(f"Chromium {found!r} was not found." if found else "Chromium was not found.", hint=hint)
    return found


@asynccontextmanager
async def window(width: int, height: int) -> AsyncIterator[Page]:
    """An empty page of that size; Chromium ends with it. Raises NoBrowser."""
    path = find()
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield await browser.new_page(viewport={"width": width, "height": height})
        finally:
            await browser.close()


async def task_seconds(tools: CDPSession) -> float:
    """How long the page's main thread has been busy so far; ``Performance.enable`` was sent before."""
    metrics = (await tools.send("Performance.getMetrics"))["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


async def heap_bytes(tools: CDPSession) -> int:
    """What the page's scripts hold once everything that nobody holds is gone."""
    for _ in range(2):  # what the first round lets go of may have held more
        await tools.send("HeapProfiler.collectGarbage")
    return int((await tools.send("Runtime.getHeapUsage"))["usedSize"])
