"""The faces of those who have the same sub-agent open, told by the feed."""

from __future__ import annotations

from nicegui.element import Element


class Watchers(Element, component="watchers.js"):
    """Nothing is shown while nobody else is there."""

    def __init__(self, group_id: str, agent_id: str) -> None:
        super().__init__()
        self._props["group-id"] = group_id
        self._props["agent-id"] = agent_id
