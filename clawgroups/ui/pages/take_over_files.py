"""The panel of files on the take-over screen: what changed since the take-over, and any file of the workspace."""

from __future__ import annotations

from collections.abc import Callable

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError
from clawgroups.ui.components.diff.diff import Diff, of_file
from clawgroups.ui.components.files.files import Files
from clawgroups.ui.shell import report


class FilesPanel:
    """``on_changed`` hears how many files changed."""

    def __init__(self, house: Dispatcher, agent_id: str, on_changed: Callable[[int], None]) -> None:
        self._house = house
        self._agent_id = agent_id
        self._on_changed = on_changed
        self._diff = ""
        self._opened: tuple[str, bool] | None = None
        self.files = Files(self._open)
        self.shown = Diff()

    async def look(self) -> None:
        """Lists the workspace again; an open diff follows."""
        try:
            files, self._diff = await self._house.people.changes(self._agent_id)
        except ClawError as error:
            report(error)
            return
        taken = await self._house.ledger.reader.last_take_over(self._agent_id)
        self.files.show(files, "since the take-over" if taken else "in its workspace so far")
        self._on_changed(sum(file["status"] != "same" for file in files) if taken else 0)
        if self._opened is not None and self._opened[1]:
            await self._open(*self._opened)

    async def _open(self, path: str, diff: bool) -> None:
        self.files.show_open(path)
        self._opened = (path, diff)
        part = of_file(self._diff, path) if diff else ""
        if part:
            self.shown.show(path, part, "", diff=True)
            return
        try:
            found = await self._house.people.read_file(self._agent_id, path)
        except ClawError as error:
            self.shown.show(path, "", " ".join(filter(None, (error.sentence, error.hint))))
            return
        self.shown.show(found["path"], found["text"], "Only its beginning is shown." if found["truncated"] else "")
