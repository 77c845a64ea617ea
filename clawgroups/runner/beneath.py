"""Lists, walks and writes what lies below a folder, never through a link: ``clawgroups.beneath`` opens it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from clawgroups.beneath import must_be_file, open_folder

DEEPEST = 100  # folders; what lies deeper is left out of a walk
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Item(Struct, frozen=True):
    """One thing in a folder. ``parts``: its names below the base; ``size`` in bytes; links count as files."""

    parts: tuple[str, ...]
    size: int
    folder: bool
    regular: bool


def replace_file(base: Path, parts: Sequence[str], data: bytes) -> None:
    """Puts ``data`` in place of a file in one move, so that a crash leaves the old or the new one.

    Folders on the way are made. Raises OSError, or ToolError where something else than a file stands there.
    """
    folder = open_folder(base, parts[:-1], make=True)
    part = f".part-{secrets.token_hex(8)}"
    try:
        mode = _mode_of(parts[-1], folder)
        handle = os.open(
            part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
        )
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), mode)
            os.rename(part, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(part, dir_fd=folder)
            raise
    finally:
        os.close(folder)


def listing(base: Path, parts: Sequence[str]) -> list[Item]:
    """What lies in one folder, in the order of names. Raises OSError."""
    handle = open_folder(base, parts)
    found = []
    try:
        with os.scandir(handle) as entries:
            for entry in entries:
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # it went away while we looked
                mode = facts.st_mode
                found.append(Item((*parts, entry.name), facts.st_size, stat.S_ISDIR(mode), stat.S_ISREG(mode)))
    finally:
        os.close(handle)
    return sorted(found, key=lambda item: item.parts[-1])


def walk(base: Path, parts: Sequence[str], skip: frozenset[str]) -> Iterator[Item]:
    """All files and links below a folder, without folders named in ``skip`` and those that cannot be opened."""
    waiting = [tuple(parts)]
    while waiting:
        here = waiting.pop()
        try:
            items = listing(base, here)
        except OSError:
            if here == tuple(parts):
                raise
            continue  # gone, swapped or closed to us since its parent was listed
        yield from (item for item in items if not item.folder)
        if len(here) < DEEPEST:
            waiting += [item.parts for item in reversed(items) if item.folder and item.parts[-1] not in skip]


def _mode_of(name: str, folder: int) -> int:
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return 0o644
    must_be_file(facts, name)
    return stat.S_IMODE(facts.st_mode) & 0o777
