"""The settings page's two parts: this browser's, and the house's. Both talk to the API from the browser."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class BrowserSettings(Element, component="browser_settings.js"):
    """Theme, size of the tiles, notifications and sound; kept in the browser."""

    def __init__(self) -> None:
        super().__init__()
        own_style(self, __file__)


class HouseSettings(Element, component="house_settings.js"):
    """The webhook and what the server runs with; others than admins are told whom to ask."""

    def __init__(self) -> None:
        super().__init__()
        own_style(self, __file__)
