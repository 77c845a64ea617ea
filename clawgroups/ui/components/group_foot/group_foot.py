"""The line below the wall, told by the feed."""

from __future__ import annotations

from nicegui.element import Element


class GroupFoot(Element, component="group_foot.js"):
    """How many are shown, how far behind live, whether connected, and the shortcuts."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        self._props["group-id"] = group_id
