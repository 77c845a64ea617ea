"""Two small elements of the frame: what the house says of itself, and dark or light."""

from __future__ import annotations

from nicegui.element import Element


class HouseStatus(Element, component="status.js"):
    """Asks the server how it is every few seconds; shows a line when all is well, a banner when not."""

    def __init__(self) -> None:
        super().__init__()


class ThemeSwitch(Element, component="theme_switch.js"):
    """Dark, light or as the system has it; remembered by the browser."""

    def __init__(self) -> None:
        super().__init__()
