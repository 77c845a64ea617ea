"""Opens what lies below a folder, one name after the other, and never through a link.

A path that was checked and then opened by its name can be swapped for a link in between, by a command that runs
beside. So the checked path is walked from the folder with directory handles: whatever is swapped, the walk fails.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from clawgroups.errors import ToolError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY


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
        must_be_file(os.stat(name, dir_fd=folder, follow_symlinks=False), "/".join(parts))
        handle = os.open(name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        must_be_file(os.fstat(handle), "/".join(parts))
    except ToolError:
        os.close(handle)
        raise
    return handle


def must_be_file(facts: os.stat_result, shown: str) -> None:
    """Raises ToolError for anything but a regular file."""
    if stat.S_ISDIR(facts.st_mode):
        raise ToolError(f"{shown or '.'} is a folder.")
    if not stat.S_ISREG(facts.st_mode):
        raise ToolError(f"{shown} is not a regular file.", hint="Pipes, sockets and devices are not opened.")
