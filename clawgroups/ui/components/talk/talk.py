"""The room as one element: what was said in the group, saying something, and the standing rules."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class Talk(Element, component="talk.js"):
    """The group's chat with its conductor and its sub-agents; read over the API, kept up by the feed."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["group-id"] = group_id
