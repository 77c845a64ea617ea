"""The switch between the wall and what the group made."""

from __future__ import annotations

from nicegui.element import Element


class RoomTabs(Element, component="room_tabs.js"):
    """Tabs above the middle of a group's page; a finished group opens with its result."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        self._props["group-id"] = group_id
