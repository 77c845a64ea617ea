"""The history: every run there ever was, searched by words and filtered by what happened in it."""

from __future__ import annotations

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.ui.components.history.history import History
from clawgroups.ui.shell import frame


def register(house: Dispatcher) -> None:
    """Adds the page ``/history``."""

    @ui.page("/history")
    async def history_page() -> None:
        with frame("History", active="history"):
            History()
