"""The switch between the views of a group's page, with the filter that they share."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class RoomTabs(Element, component="room_tabs.js"):
    """Tabs and filter above the middle of a group's page; a finished group opens with its result."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["group-id"] = group_id
