"""The table as one element. Its grid is NiceGUI's own copy of AG Grid, but the browser fills it from the feed."""

from __future__ import annotations

import nicegui.elements.aggrid  # noqa: F401  # makes "nicegui-aggrid" known to every page's import map
from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class Table(Element, component="table.js"):
    """All sub-agents of a group in rows. The grid is fetched when somebody first looks at it."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["group-id"] = group_id
