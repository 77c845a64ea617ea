"""Attachments: received from people, carried by messages, handed to pages and runners, cleared if never posted."""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clawgroups.dispatcher.attachment_files import DAY_S, AttachmentFiles, Upload
from clawgroups.dispatcher.crew.runner_link import RunnerLink
from clawgroups.errors import ClawError, Invalid, LedgerError, NotFound, TooLarge
from clawgroups.group import commands as cmd
from clawgroups.group.attachments import IMAGES, LARGEST, UNKNOWN, Attachment, sniffed
from clawgroups.ids import group_of, new_id
from clawgroups.ledger import attachments as record
from clawgroups.link import messages as ms

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

log = logging.getLogger("clawgroups.attachments")
LONGEST_NAME = 200
PIECE = 512 * 1024  # bytes that go to a runner at once, so that other messages find their way between
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}")


class Attachments:
    """One per dispatcher."""

    def __init__(self, house: Dispatcher) -> None:
        self._house = house
        self._files = AttachmentFiles(house.settings.home / "attachments")

    # --- receiving -----------------------------------------------------------------------------------

    async def receive(
        self, group_id: str, actor: str, name: str, media_type: str, chunks: AsyncIterator[bytes]
    ) -> Attachment:
        """Keeps a file for a message to come. Raises NotFound, Forbidden, LedgerStopped, Invalid or TooLarge."""
        await self._house.group(group_id)
        self._house.accounts.check(actor, cmd.PostMessage, group_id)
        self._house.check_ledger()
        name = checked_name(name)
        upload = await asyncio.to_thread(self._files.upload)
        try:
            await _fill(upload, chunks, name)
            sha256 = await asyncio.to_thread(upload.keep)
        except OSError as error:
            raise ClawError(f"{name} cannot be kept: {error.strerror}.", hint="Is the server's disk full?") from error
        finally:
            upload.close()
        found = Attachment(new_id(16), name, _type_of(media_type, upload.start), upload.size, sha256)
        await asyncio.to_thread(self._files.note, group_id, found)
        return found

    async def claim(self, group_id: str, ids: Sequence[str]) -> tuple[Attachment, ...]:
        """What a message is to carry, in order and each once.

        Raises NotFound for the group, Invalid for what was not uploaded in it.
        """
        await self._house.group(group_id)
        found = []
        for attachment_id in dict.fromkeys(ids):
            one = await asyncio.to_thread(self._files.noted, group_id, attachment_id)
            if one is None:
                hint = "Upload the file again: what is not posted within a day is cleared."
                sentence = f"No file {attachment_id[:40]!r} waits to be posted in this group."
                raise Invalid(sentence, hint=hint, field="attachments")
            found.append(one)
        return tuple(found)

    # --- handing out ---------------------------------------------------------------------------------

    async def find(self, group_id: str, attachment_id: str) -> tuple[Attachment, Path, str]:
        """(what it is, its bytes, the image type that these tell or nothing). Only what the record refers to.

        Raises NotFound.
        """
        found = await record.attachment(self._house.ledger.reader, group_id, attachment_id)
        try:
            start = await asyncio.to_thread(self._files.read, found.sha256, 0, 64)
        except FileNotFoundError as error:
            hint = "Its record is whole; restore the folder attachments of the home from a backup."
            raise NotFound(f"The bytes of {found.name} are not on this server any more.", hint=hint) from error
        return found, self._files.path(found.sha256), sniffed(start)

    async def serve(self, link: RunnerLink, asked: ms.FetchFile) -> None:
        """Answers a runner with the next piece, or with why there is none. Never raises."""
        try:
            data = await self._piece(link, asked)
        except ClawError as error:
            link.send(ms.FilePiece(id=asked.id, error=error.sentence))
        except OSError as error:
            sentence = f"the server cannot read it ({error.strerror or error})"
            link.send(ms.FilePiece(id=asked.id, error=sentence))
        else:
            link.send(ms.FilePiece(id=asked.id, data=data))

    async def _piece(self, link: RunnerLink, asked: ms.FetchFile) -> bytes:
        if link.seats.get(asked.agent) != asked.epoch:
            raise NotFound(f"The runner does not hold {asked.agent} at epoch {asked.epoch}.")
        found = await record.attachment(self._house.ledger.reader, group_of(asked.agent), asked.attachment)
        return await asyncio.to_thread(self._files.read, found.sha256, max(0, asked.offset), PIECE)

    # --- clearing ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Clears at the start and then daily."""
        while True:
            try:
                await self.clear()
            except (LedgerError, OSError) as error:
                log.warning("uploads were not cleared: %s", error, extra={"action": "uploads_not_cleared"})
            await asyncio.sleep(DAY_S)

    async def clear(self) -> None:
        """Deletes what was uploaded more than a day ago and is in no message."""
        cleared = await asyncio.to_thread(self._files.clear_notes)
        old = await asyncio.to_thread(self._files.unnamed)
        lost = old - await record.kept(self._house.ledger.reader, old)
        for sha256 in lost:
            await asyncio.to_thread(self._files.remove, sha256)
        if cleared or lost:
            log.info("cleared %d uploads, %d files", cleared, len(lost), extra={"action": "uploads_cleared"})


async def _fill(upload: Upload, chunks: AsyncIterator[bytes], name: str) -> None:
    async for chunk in chunks:
        if upload.size + len(chunk) > LARGEST:
            raise TooLarge(f"{name} is larger than {LARGEST // 1024 // 1024} MiB.", hint="Attach a smaller file.")
        if chunk:
            await asyncio.to_thread(upload.write, chunk)
    if not upload.size:
        hint = "Send the file's bytes as the body; a folder cannot be attached."
        raise Invalid(f"{name} is empty.", hint=hint, field="body")


def checked_name(name: str) -> str:
    """A file's name for people to read. Raises Invalid for a path, or what no file is called."""
    name = unicodedata.normalize("NFC", name.strip())
    hint = "Give the file's own name, without folders, such as plan.pdf."
    if not name or name in (".", "..") or "/" in name or "\\" in name:
        raise Invalid(f"{name[:40]!r} is not the name of a file.", hint=hint, field="name")
    if len(name) > LONGEST_NAME:
        sentence = f"The file's name has {len(name)} characters; {LONGEST_NAME} are the most."
        raise Invalid(sentence, hint="Give it a shorter name.", field="name")
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        raise Invalid("The file's name holds a control character.", hint=hint, field="name")
    return name


def _type_of(claimed: str, start: bytes) -> str:
    """Images by what they hold; everything else as its sender says, if that is a type and no image's."""
    kind = claimed.split(";", maxsplit=1)[0].strip().lower()
    plain = kind if _TYPE.fullmatch(kind) and kind not in IMAGES else UNKNOWN
    return sniffed(start) or plain
