"""The backend's page: the bundled model server, here or elsewhere."""

from __future__ import annotations

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.ui.components.backend.backend import BackendPanel
from clawgroups.ui.shell import frame


def register(house: Dispatcher) -> None:
    """Adds the page ``/backend``."""

    @ui.page("/backend")
    async def backend() -> None:
        with frame("Backend", active="backend"):
            BackendPanel()
