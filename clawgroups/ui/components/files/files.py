"""Lists the files of a workspace, changed ones first, and lets any be opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style


class Files(Element, component="files.js"):
    """``on_open`` gets a path, and whether its diff is wanted instead of the whole file."""

    def __init__(self, on_open: Callable[[str, bool], Awaitable[None]]) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["files"] = []
        self._props["opened"] = ""
        self._props["loading"] = True
        self._props["since"] = ""

        async def opened(event: GenericEventArguments) -> None:
            await on_open(str(event.args.get("path", "")), bool(event.args.get("diff")))

        self.on("open", opened, args=["path", "diff"])

    def show(self, files: Sequence[dict[str, Any]], since: str) -> None:
        """``files``: path, bytes and status (same, added, modified, deleted); ``since``: changed since when."""
        self._props["files"] = list(files)
        self._props["since"] = since
        self._props["loading"] = False
        self.update()

    def show_open(self, path: str) -> None:
        """Marks the file that is open."""
        self._props["opened"] = path
        self.update()
