"""Settings: what this browser keeps for its person, and for admins what the house is set to and runs with."""

from __future__ import annotations

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.ui.components.guide.guide import GuideSetting
from clawgroups.ui.components.settings.settings import BrowserSettings, HouseSettings
from clawgroups.ui.shell import frame


def register(house: Dispatcher) -> None:
    """Adds the page ``/settings``."""

    @ui.page("/settings")
    async def settings() -> None:
        with frame("Settings", active="settings"), ui.element("div").classes("settings"):
            BrowserSettings()
            GuideSetting()
            HouseSettings()
