"""What a page may not do while a test looks at it, and how pages are opened."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request

HOME = "127.0.0.1"
Opener = Callable[..., Page]


class Faults:
    """What a page must not do: throw, complain, or ask another host for anything."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Faults that match are part of this test (a refused answer is an error in the browser's console)."""
        self._allowed.append(re.compile(pattern))

    def watch(self, page: Page) -> None:
        """Hears everything from this page."""
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("console", self._console)
        page.on("request", self._request)

    def check(self) -> None:
        """Fails with what was found and not allowed."""
        left = [fault for fault in self.found if not any(pattern.search(fault) for pattern in self._allowed)]
        assert not left, "the page had faults:\n" + "\n".join(left)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.found.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host not in (HOME, None):
            self.found.append(f"asked another host: {request.url}")
