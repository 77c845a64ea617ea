"""The tree of sub-agents as one element: the browser draws it from the feed."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class AgentTree(Element, component="agent_tree.js"):
    """All sub-agents of a group under those that made them, with sums over everybody below."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["group-id"] = group_id
