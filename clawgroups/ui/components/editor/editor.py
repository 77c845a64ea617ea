"""The editor element: NiceGUI's bundled CodeMirror, with unsent words kept in the browser for each file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct
from nicegui.element import Element
from nicegui.elements import codemirror  # noqa: F401  # its package names the bundled module for the browser
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style

NEW: dict[str, Any] = {"text": "", "sha": "", "eol": "\n", "fixed": "", "truncated": False, "bytes": 0}
"""A file that is not there yet."""


class Save(Struct, frozen=True):
    """A wish to save. ``base`` is the sha of what the person began with; empty for a new file."""

    path: str
    text: str
    base: str


class Editor(Element, component="editor.js"):
    """One file at a time. ``keep`` names the drafts; ``on_save`` answers by ``saved``, ``conflict`` or ``refused``."""

    def __init__(self, keep: str, on_save: Callable[[Save], Awaitable[None]]) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["keep"] = keep
        self._props["file"] = None
        self._props["off"] = ""

        async def save(event: GenericEventArguments) -> None:
            args: dict[str, Any] = event.args
            await on_save(Save(str(args.get("path", "")), str(args.get("text", "")), str(args.get("base", ""))))

        self.on("save", save, args=["path", "text", "base"])

    def on_want(self, callback: Callable[[str], Awaitable[None]]) -> None:
        """The person wants a file opened anew: one with unsaved words, or what stands in the open one."""

        async def want(event: GenericEventArguments) -> None:
            await callback(str(event.args.get("path", "")))

        self.on("want", want, args=["path"])

    def on_shut(self, callback: Callable[[], None]) -> None:
        """The person closes the editor."""
        self.on("shut", lambda _: callback(), args=[])

    def show(self, file: dict[str, Any] | None) -> None:
        """Opens a file as ``People.read_file`` gives it; None closes what is open. Drafts stay in the browser."""
        self._props["file"] = file
        self.update()

    def turn_off(self, why: str) -> None:
        """Words may be written but not saved; empty ``why`` turns it on again."""
        if self._props["off"] != why:
            self._props["off"] = why
            self.update()

    def saved(self, path: str, sha: str) -> None:
        """The words stand in the file, which is ``sha`` now."""
        self.run_method("saved", path, sha)

    def conflict(self, path: str, diff: str, sha: str) -> None:
        """The file was changed by something else; ``diff`` leads from what stands there (``sha``) to their words."""
        self.run_method("conflict", path, diff, sha)

    def refused(self, path: str, why: str) -> None:
        """Nothing was saved."""
        self.run_method("refused", path, why)
