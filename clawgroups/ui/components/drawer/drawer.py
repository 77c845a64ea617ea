"""The drawer beside the wall. Its thread is an element of its own, put in when somebody opens it."""

from __future__ import annotations

from collections.abc import Callable

from nicegui.element import Element
from nicegui.events import GenericEventArguments


class Drawer(Element, component="drawer.js"):
    """The selected sub-agent. Children of this element are shown under its tab Thread."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        self._props["group-id"] = group_id

    def on_thread(self, callback: Callable[[str], None]) -> None:
        """Somebody wants the whole thread of this sub-agent (its id; empty: of none any more)."""

        def heard(event: GenericEventArguments) -> None:
            callback(str(event.args or ""))

        self.on("thread", heard)
