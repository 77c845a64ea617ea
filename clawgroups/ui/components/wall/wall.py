"""The wall as one element: the browser draws it from the feed, the server never touches a tile."""

from __future__ import annotations

from nicegui.element import Element


class Wall(Element, component="wall.js"):
    """All sub-agents of a group. Selecting one tells the other parts of the page, in the browser."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        self._props["group-id"] = group_id
