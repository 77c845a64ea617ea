"""The group's header, told by the feed."""

from __future__ import annotations

from nicegui.element import Element


class GroupHead(Element, component="group_head.js"):
    """Counts by state, steps of the limit, critical steps, speed, cost; start, pause, resume, stop."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        self._props["group-id"] = group_id
