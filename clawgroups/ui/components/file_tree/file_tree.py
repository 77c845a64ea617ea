"""The folders of a workspace as a tree: each is asked for when it is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.errors import ClawError
from clawgroups.ui.components.style import own_style


class FileTree(Element, component="file_tree.js"):
    """``load`` gives a folder's entries (see ``People.folder``); ``on_open`` gets the path of a file."""

    def __init__(
        self, load: Callable[[str], Awaitable[dict[str, Any]]], on_open: Callable[[str], Awaitable[None]]
    ) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["opened"] = ""
        self._props["turn"] = 0

        async def wanted(event: GenericEventArguments) -> None:
            path = str(event.args.get("path", ""))
            try:
                self.run_method("fill", path, await load(path))
            except ClawError as error:
                self.run_method("fail", path, error.sentence)

        async def opened(event: GenericEventArguments) -> None:
            await on_open(str(event.args.get("path", "")))

        self.on("load", wanted, args=["path"])
        self.on("open", opened, args=["path"])

    def show_open(self, path: str) -> None:
        """Marks the file that is open."""
        self._props["opened"] = path
        self.update()

    def look_again(self) -> None:
        """Something in the workspace changed: what is unfolded is asked for anew."""
        self._props["turn"] += 1
        self.update()
