"""The timeline as one element: the browser draws it from one answer of the API and goes on by the feed."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class Timeline(Element, component="timeline.js"):
    """A lane for each sub-agent of a group, with its steps, calls, waits and drivers over time."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["group-id"] = group_id
