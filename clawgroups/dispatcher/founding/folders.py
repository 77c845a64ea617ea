"""The folder a group is to work on: whether it is there, and what a survey would find in it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from clawgroups.errors import Invalid
from clawgroups.link import messages as ms
from clawgroups.programs.survey_conductor import BINARY

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

HINT = "Give the path of a folder on the server's machine."


class FolderFacts(Struct, frozen=True):
    """``files``: how many a survey would take without its limit (None: no runner is up that could look).

    ``left_out``: empty ones and those without text. ``more``: there are more than were counted.
    """

    path: str
    git: bool
    files: int | None = None
    left_out: int = 0
    more: bool = False


def real_folder(folder: str, mode: str) -> str:
    """The folder's real path; empty stays empty. Raises Invalid for what is none, or no repository for a worktree."""
    if not folder:
        return ""
    try:
        path = Path(os.path.expanduser(folder)).resolve()
        there, exists = path.is_dir(), path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, a NUL, not ours to look at
        why = getattr(error, "strerror", None) or error
        raise Invalid(f"{folder[:200]} cannot be used as a folder: {why}.", hint=HINT, field="folder") from error
    if exists and not there:
        raise Invalid(f"{folder[:200]} is a file, not a folder.", hint=HINT, field="folder")
    if not there:
        raise Invalid(f"There is no folder {folder[:200]}.", hint=HINT, field="folder")
    if mode == "worktree" and not (path / ".git").exists():
        hint = "Use it read-only, or run git init there first."
        raise Invalid(f"{folder[:200]} is not a git repository.", hint=hint, field="folder")
    return str(path)


async def look_at(dispatcher: Dispatcher, folder: str, mode: str) -> FolderFacts:
    """What the form is told of a folder before a group is made. Raises Invalid, or LinkError of the runner."""
    path = await asyncio.to_thread(real_folder, folder, mode)
    git = await asyncio.to_thread((Path(path) / ".git").exists)
    link = dispatcher.crew.any_link()
    if link is None:
        return FolderFacts(path, git)
    found: dict[str, Any] = await link.ask(ms.Ask(id=0, what="count", path=path))
    binary = sum(count for suffix, count in found["suffixes"].items() if suffix in BINARY)
    left_out = int(found["empty"]) + binary
    return FolderFacts(path, git, int(found["files"]) - left_out, left_out, bool(found["more"]))
