"""Opens what lies below a folder, one name after the other, and never through a link.

A path that was checked and then opened by its name can be swapped for a link in between, by a command that runs
beside. So the checked path is walked from the folder with directory handles: whatever is swapped, the walk fails.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from clawgroups.errors import ToolError

DEEPEST = 100  # folders; what lies deeper is left out of a walk
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY


class Item(Struct, frozen=True):
    """One thing in a folder. ``parts``: its names below the base; ``size`` in bytes; links count as files."""

    parts: tuple[str, ...]
    size: int
    folder: bool
    regular: bool


def open_folder(base: Path, parts: Sequence[str], *, make: bool = False) -> int:
    """A handle of the folder at ``parts`` below ``base``; the caller closes it. ``make`` makes what is missing.

    Raises OSError where a name is missing, no folder, or a link.
    """
    handle = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in parts:
            if make:
                with contextlib.suppress(FileExistsError):  # usual; what it is shows when it is opened
                    os.mkdir(name, dir_fd=handle)
            below = os.open(name, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = below
    except BaseException:
        os.close(handle)
        raise
    return handle


def open_file(base: Path, parts: Sequence[str]) -> int:
    """A handle for reading a regular file; never waits, whatever lies there. Raises OSError or ToolError."""
    folder = open_folder(base, parts[:-1])
    try:
        name = parts[-1] if parts else "."
        _must_be_file(os.stat(name, dir_fd=folder, follow_symlinks=False), "/".join(parts))
        handle = os.open(name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        _must_be_file(os.fstat(handle), "/".join(parts))
    except ToolError:
        os.close(handle)
        raise
    return handle


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


def _must_be_file(facts: os.stat_result, shown: str) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise ToolError(f"{shown or '.'} is a folder.")
    if not stat.S_ISREG(facts.st_mode):
        raise ToolError(f"{shown} is not a regular file.", hint="Pipes, sockets and devices are not opened.")


def _mode_of(name: str, folder: int) -> int:
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return 0o644
    _must_be_file(facts, name)
    return stat.S_IMODE(facts.st_mode) & 0o777
