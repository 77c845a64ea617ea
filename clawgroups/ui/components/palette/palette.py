"""The command palette, on every page: whatever one wants to find or do, by a few letters. All of it in the browser."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class Palette(Element, component="palette.js"):
    """Its hint in the header, and the dialog that Ctrl-K opens."""

    def __init__(self) -> None:
        super().__init__()
        own_style(self, __file__)
