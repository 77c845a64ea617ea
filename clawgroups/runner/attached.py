"""What is attached to the words of a thread, put into the sub-agent's workspace, and how its driver is told of it."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from clawgroups.beneath import open_file
from clawgroups.errors import ToolError
from clawgroups.group.attachments import Attachment, about, path_of
from clawgroups.group.thread import Entry
from clawgroups.link.messages import WorkPlace
from clawgroups.runner.beneath import replace_file
from clawgroups.runner.fetches import Fetches
from clawgroups.runner.workspace import Workspace

log = logging.getLogger("clawgroups.attached")
LARGEST_SEEN = 5 * 1024 * 1024  # bytes of one image that a model is given
ALL_SEEN = 12 * 1024 * 1024  # and of all in one request; the newest go first


def kept_in(place: WorkPlace) -> Path:
    """Where this machine keeps the bytes for a group, out of the reach of its sub-agents."""
    return Path(place.snapshots).parent / "attachments"


class Attached:
    """The attachments of one seat. What could not be got is said in the words, and tried again by the next seat."""

    def __init__(self, agent: str, epoch: int, place: WorkPlace, fetches: Fetches) -> None:
        self._seat = agent, epoch
        self._kept = kept_in(place)
        self._fetches = fetches
        self._placed: dict[str, str] = {}  # attachment -> why it is not in the workspace; empty when it is
        self._placing = asyncio.Lock()

    async def place(self, workspace: Workspace, thread: Sequence[Entry]) -> None:
        """Puts everything that is attached into the workspace. What is there already stays as the driver left it."""
        async with self._placing:
            for attachment in [one for entry in thread for one in entry.attachments]:
                if attachment.id not in self._placed:
                    self._placed[attachment.id] = await self._place(workspace, attachment)

    async def _place(self, workspace: Workspace, attachment: Attachment) -> str:
        try:
            async with self._fetches.room:
                kept = await self._fetches.bring(attachment, self._kept, *self._seat)
                await asyncio.to_thread(_put, workspace, path_of(attachment), kept)
        except (ToolError, OSError) as error:
            why = error.sentence if isinstance(error, ToolError) else error.strerror or str(error)
            log.warning("%s: an attachment is missing: %s", self._seat[0], why, extra={"action": "no_attachment"})
            return why
        return ""

    def told(self, thread: Sequence[Entry]) -> list[Entry]:
        """The thread as a driver gets it: the words name each file, and only those that are there are attached."""
        return [self._told(entry) if entry.attachments else entry for entry in thread]

    def _told(self, entry: Entry) -> Entry:
        words = [entry.content] if entry.content else []
        for one in entry.attachments:
            if why := self._placed.get(one.id, "it is not there yet"):
                words.append(f"Attached, but missing here: {path_of(one)} ({about(one)}): {why.rstrip('.')}.")
            else:
                words.append(f"Attached: {path_of(one)} ({about(one)})")
        there = tuple(one for one in entry.attachments if not self._placed.get(one.id, "missing"))
        return replace(entry, content="\n".join(words), attachments=there)


def _put(workspace: Workspace, path: str, source: Path) -> None:
    spot = workspace.locate(path, write=True)
    try:
        os.close(open_file(spot.base, spot.parts))
    except FileNotFoundError:
        replace_file(spot.base, spot.parts, source.read_bytes())


def seen(folder: Path, thread: Sequence[Entry]) -> dict[str, str]:
    """Attachment to data URL: the images that go along with the words, the newest first until they are too many.

    From the bytes that this machine keeps, not from the workspace, where a command may have put something else.
    """
    found: dict[str, str] = {}
    room = ALL_SEEN
    for image in [one for entry in reversed(thread) for one in entry.attachments if one.is_image]:
        if image.id in found or not 0 < image.size <= min(LARGEST_SEEN, room):
            continue
        try:
            data = (folder / image.sha256).read_bytes()
        except FileNotFoundError:
            continue  # it could not be got, and the words say so
        room -= len(data)
        found[image.id] = f"data:{image.media_type};base64,{base64.b64encode(data).decode()}"
    return found
