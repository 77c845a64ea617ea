"""The history: it reads the API by itself, and keeps what is asked for in the page's address."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class History(Element, component="history.js"):
    """The form of the search, and the runs that fit."""

    def __init__(self) -> None:
        super().__init__()
        own_style(self, __file__)
