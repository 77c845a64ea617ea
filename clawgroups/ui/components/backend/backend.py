"""The element of the backend's page; it talks to the API from the browser."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class BackendPanel(Element, component="backend.js"):
    """State, progress, figures over time, memory, plan, log, and the form that sets which backend it is."""

    def __init__(self) -> None:
        super().__init__()
        own_style(self, __file__)
