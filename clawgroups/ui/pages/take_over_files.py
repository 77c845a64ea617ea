"""The panel of files on the take-over screen: what changed, the workspace as a tree, an editor whose saves are on
record."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError
from clawgroups.ui.components.diff.diff import Diff, of_file
from clawgroups.ui.components.editor.editor import NEW, Editor, Save
from clawgroups.ui.components.fields.fields import Field
from clawgroups.ui.components.file_tree.file_tree import FileTree
from clawgroups.ui.components.files.files import Files
from clawgroups.ui.parts import press, text, turn_off
from clawgroups.ui.shell import report, say

DIFF_LINES = 400
Call = Callable[[str, dict[str, Any]], Awaitable[bool]]


class FilesPanel:
    """``call`` runs a tool as the person's own step; ``on_changed`` hears how many files changed."""

    def __init__(self, house: Dispatcher, agent_id: str, call: Call, on_changed: Callable[[int], None]) -> None:
        self._house = house
        self._agent_id = agent_id
        self._call = call
        self._on_changed = on_changed
        self._diff = ""
        self._opened: tuple[str, bool] | None = None
        self._saving: Save | None = None
        self._reading = asyncio.Lock()  # what is read and what is shown of it come in one order
        self._off = ""
        self._build()

    def _build(self) -> None:
        people = self._house.people
        self.files = Files(self._open)
        with ui.element("details").classes("drive-tree").props("open"):
            with ui.element("summary"):
                text("The whole workspace", "drive-h")
            self.tree = FileTree(lambda path: people.folder(self._agent_id, path), lambda path: self._open(path, False))
        with ui.element("div").classes("row drive-new") as self.new:
            self._new = Field("New file", placeholder="its path, such as notes/plan.md")
            self._new_begin = press("Begin it", self._begin, "btn btn-small")
        with ui.element("div").classes("row") as self.switch:
            self._to_diff = press("What changed in it", lambda: self._show(True), "btn btn-small")
            self._to_file = press("The file itself", lambda: self._show(False), "btn btn-small")
        self.switch.set_visibility(False)
        self.shown = Diff()
        self.editor = Editor(self._agent_id, self._save)
        self.editor.on_want(lambda path: self._open(path, False))
        self.editor.on_shut(self._shut)

    def turn_off(self, why: str) -> None:
        """Nothing can be saved now; empty ``why`` turns it on again."""
        self._off = why
        turn_off(self._new_begin, why)
        self.editor.turn_off(why)

    async def look(self) -> None:
        """Lists the workspace again; what is open follows."""
        try:
            files, self._diff = await self._house.people.changes(self._agent_id)
        except ClawError as error:
            report(error)
            return
        taken = await self._house.ledger.reader.last_take_over(self._agent_id)
        self.files.show(files, "since the take-over" if taken else "in its workspace so far")
        self.tree.look_again()
        self._on_changed(sum(file["status"] != "same" for file in files) if taken else 0)
        await self._settle()
        if self._opened is not None:
            await self._open(*self._opened)

    async def _open(self, path: str, diff: bool) -> None:
        async with self._reading:
            await self._show_opened(path, diff)

    async def _show_opened(self, path: str, diff: bool) -> None:
        self.files.show_open(path)
        self.tree.show_open(path)
        part = of_file(self._diff, path)
        self._opened = (path, diff and bool(part))
        self.switch.set_visibility(bool(part))
        self._to_diff.props(f"aria-pressed={str(diff).lower()}")
        self._to_file.props(f"aria-pressed={str(not diff).lower()}")
        if diff and part:
            self.editor.show(None)
            self.shown.show(path, part, "", diff=True)
            return
        await self._edit(path)

    async def _edit(self, path: str) -> None:
        try:
            found = await self._house.people.read_file(self._agent_id, path)
        except ClawError as error:
            if await self._is_missing(path):
                found = {**NEW, "path": path}
            else:
                self.editor.show(None)
                self.shown.show(path, "", " ".join(filter(None, (error.sentence, error.hint))))
                return
        self.shown.show("", "", "")
        self.editor.show(found)

    async def _is_missing(self, path: str) -> bool:
        try:
            return not await self._house.people.fingerprint(self._agent_id, path)
        except ClawError:
            return False  # it is something else than a file; why it cannot be read is said already

    async def _show(self, diff: bool) -> None:
        if self._opened is not None:
            await self._open(self._opened[0], diff)

    def _shut(self) -> None:
        self._opened = None
        self.editor.show(None)
        self.switch.set_visibility(False)
        self.files.show_open("")
        self.tree.show_open("")

    async def _begin(self) -> None:
        path = self._new.value.strip().removeprefix("/ws/")
        if not path:
            say("Name the new file.", kind="bad")
            return
        self._new.put("")
        await self._open(path, False)

    # --- saving --------------------------------------------------------------------------------------

    async def _save(self, save: Save) -> None:
        """By the ordinary tool, so that it is on record; not over what somebody else has written meanwhile."""
        if self._off:
            self.editor.refused(save.path, self._off)
            return
        try:
            present = await self._house.people.fingerprint(self._agent_id, save.path)
            if present != save.base and present != _sha(save.text):
                self.editor.conflict(save.path, await self._difference(save, present), present)
                return
        except ClawError as error:
            self.editor.refused(save.path, f"{error.sentence} {error.hint}".strip())
            return
        self._saving = save
        if not await self._call("write_file", {"path": save.path, "content": save.text}):
            self._saving = None
            self.editor.refused(save.path, "Nothing was saved; your words are kept in this browser.")
            return
        await self._settle()

    async def _difference(self, save: Save, present: str) -> str:
        theirs = (await self._house.people.read_file(self._agent_id, save.path))["text"] if present else ""
        lines = difflib.unified_diff(theirs.splitlines(), save.text.splitlines(), "now", "yours", lineterm="")
        cut = [line for _, line in zip(range(DIFF_LINES), lines, strict=False)]
        return "\n".join(cut)

    async def _settle(self) -> None:
        """What became of the last save, once its call has its end."""
        async with self._reading:
            await self._settle_save()

    async def _settle_save(self) -> None:
        save = self._saving
        if save is None:
            return
        _, agent = await self._house.agent(self._agent_id)
        if any(call.name == "write_file" for call in agent.calls):
            return
        self._saving = None
        try:
            present = await self._house.people.fingerprint(self._agent_id, save.path)
        except ClawError as error:
            self.editor.refused(save.path, f"Whether it was saved is not known. {error.sentence}")
            return
        if present == _sha(save.text):
            self.editor.saved(save.path, present)
        else:
            self.editor.refused(save.path, "It was not saved; the thread says why.")


def _sha(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()
