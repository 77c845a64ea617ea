"""A real server, a real headless Chromium, and pages whose every fault fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from playwright.sync_api import Browser, Page, expect, sync_playwright

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

ARGUMENTS = (
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder to survey."""
    made = tmp_path_factory.mktemp("folder")
    (made / "readme.md").write_text("# A small folder\n\nIt is here to be surveyed.\n")
    (made / "hello.py").write_text('"""Says hello."""\n\n\ndef hello() -> str:\n    return "hello"\n')
    (made / "notes.txt").write_text("TODO: write more notes\n")
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[ServerProcess]:
    """One server for the tests of a module."""
    env = {"CLAWGROUPS_FOLDER": str(folder), "CLAWGROUPS_LAUNCH_BURST": "60"}
    with ServerProcess(tmp_path_factory.mktemp("home"), env=env) as running:
        yield running


@pytest.fixture(scope="module")
def api(server: ServerProcess) -> Iterator[httpx.Client]:
    """The server's API."""
    with httpx.Client(base_url=server.api, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def model() -> Iterator[ModelProcess]:
    """A model server in a process of its own, whose models are scripts."""
    with ModelProcess(rate=20) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module; it may not outlive it, for it holds the thread's event loop."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "Chromium is needed: install it, or name it in the environment as CHROMIUM."
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture
def faults() -> Iterator[Faults]:
    """The faults of all pages of this test; looked at when it is over."""
    found = Faults()
    yield found
    found.check()


@pytest.fixture
def open_page(browser: Browser, faults: Faults, server: ServerProcess) -> Iterator[Opener]:
    """Opens pages: ``open_page("/", width=390, theme="light")``, each in a browser profile of its own.

    ``at`` is the address of another server than the module's.
    """
    contexts = []

    def opened(path: str, *, width: int = 1440, height: int = 900, theme: str = "dark", at: str = "") -> Page:
        scheme = "light" if theme == "light" else "dark"
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        faults.watch(page)
        page.goto(f"{at or server.url}{path}")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Opener) -> Page:
    """An empty page of the server's site; go where the test needs it."""
    return open_page("/claw/icon.svg")
