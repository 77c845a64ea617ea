"""The bytes of attachments on the server's disk, under the hash of what they hold, and the uploads not posted yet.

``files/HASH`` holds bytes, ``unsent/GROUP/ID.json`` says what an upload is until a message carries it. Whatever is
written is whole and on the disk before anything can name it. All of it blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from clawgroups.group.attachments import Attachment
from clawgroups.ids import new_id

DAY_S = 86_400.0
_PART = "part-"
_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-z]{1,80}")
_note = msgspec.json.Decoder(Attachment)


class Upload:
    """One file that is being received. Close it, and it is gone unless it was kept."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / f"{_PART}{new_id(16)}"
        self._file = self._path.open("xb")
        self._digest = hashlib.sha256()
        self.start = b""
        self.size = 0

    def write(self, data: bytes) -> None:
        """Takes in what came next."""
        self.start = (self.start + data)[:64] if self.size < 64 else self.start
        self.size += len(data)
        self._digest.update(data)
        self._file.write(data)

    def keep(self) -> str:
        """Puts the bytes on the disk and in their place; returns their hash."""
        self._file.flush()
        os.fsync(self._file.fileno())
        name = self._digest.hexdigest()
        os.replace(self._path, self._path.with_name(name))
        _sync(self._path.parent)
        return name

    def close(self) -> None:
        """Lets go of it."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class AttachmentFiles:
    """One folder of the home."""

    def __init__(self, root: Path) -> None:
        self._files = root / "files"
        self._unsent = root / "unsent"

    def upload(self) -> Upload:
        """A file to receive."""
        return Upload(self._files)

    def path(self, sha256: str) -> Path:
        """Where the bytes with this hash lie, if they do."""
        return self._files / sha256

    def note(self, group_id: str, attachment: Attachment) -> None:
        """Remembers an upload until it is posted."""
        folder = self._unsent / group_id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{attachment.id}.json"
        part = path.with_name(f"{_PART}{attachment.id}")
        with part.open("wb") as file:
            file.write(msgspec.json.encode(attachment))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync(folder)

    def noted(self, group_id: str, attachment_id: str) -> Attachment | None:
        """An upload of this group that is not cleared. It counts as new from here on: it is about to be posted."""
        if not _ID.fullmatch(attachment_id):
            return None
        path = self._unsent / group_id / f"{attachment_id}.json"
        try:
            found = _note.decode(path.read_bytes())
            os.utime(self.path(found.sha256))
            os.utime(path)
        except FileNotFoundError:
            return None
        return found

    def read(self, sha256: str, offset: int, length: int) -> bytes:
        """Some of the bytes. Raises OSError."""
        with self.path(sha256).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def clear_notes(self, now_s: float | None = None) -> int:
        """Forgets uploads that nobody posted within a day, and what was received in part. Returns how many."""
        old = (time.time() if now_s is None else now_s) - DAY_S
        cleared = 0
        for path in [*_listed(self._unsent, "*/*"), *_listed(self._files, f"{_PART}*")]:
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    path.unlink()
                    cleared += 1
        return cleared

    def unnamed(self, now_s: float | None = None) -> set[str]:
        """Hashes of bytes that are older than a day and that no upload names."""
        old = (time.time() if now_s is None else now_s) - DAY_S
        named = {_hash_in(path) for path in _listed(self._unsent, "*/*.json")}
        return {
            path.name
            for path in _listed(self._files, "*")
            if _HASH.fullmatch(path.name) and path.name not in named and path.stat().st_mtime < old
        }

    def remove(self, sha256: str) -> None:
        """Deletes bytes that nothing names. Not if they were uploaded again meanwhile."""
        if sha256 in self.unnamed():
            self.path(sha256).unlink(missing_ok=True)


def _hash_in(path: Path) -> str:
    try:
        return _note.decode(path.read_bytes()).sha256
    except (FileNotFoundError, msgspec.DecodeError):
        return ""


def _listed(folder: Path, pattern: str) -> Iterator[Path]:
    return (path for path in folder.glob(pattern) if path.is_file())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
