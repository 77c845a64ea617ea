"""The needs-you inbox of a group, told by the feed."""

from __future__ import annotations

from nicegui.element import Element


class Inbox(Element, component="inbox.js"):
    """Open requests by the cost of waiting, each with its choices."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        self._props["group-id"] = group_id
