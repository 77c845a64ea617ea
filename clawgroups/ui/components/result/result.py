"""The result of a group and the files of its workspace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui.element import Element
from nicegui.events import GenericEventArguments


class Result(Element, component="result.js"):
    """Lists the files, each as a download. Children of this element are the file that is read."""

    def __init__(self, group_id: str) -> None:
        super().__init__()
        self._props["group-id"] = group_id

    def on_read(self, callback: Callable[[str], Awaitable[None]]) -> None:
        """Somebody wants to read this file (its path in the group's workspace)."""

        async def heard(event: GenericEventArguments) -> None:
            await callback(str(event.args))

        self.on("read", heard)
