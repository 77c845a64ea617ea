"""The change between two places of a git repository, or of what is not committed yet, as far as it can be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clawgroups.errors import ToolError
from clawgroups.runner.git import git

MOST_FILES = 500
MOST_LINES = 20_000  # of a change whose diff is asked for at all
MOST_CHARS, MOST_OF_FILE = 120_000, 20_000
PLAIN = ("--no-color", "--no-renames", "--no-ext-diff", "--no-textconv")  # runs nothing that the repository names


async def change_of(folder: Path, base: str, head: str, *, count_only: bool) -> dict[str, Any]:
    """Files and diff. ``problem`` and ``field`` say that a place is not there. Raises ToolError for what git cannot do.

    Without ``head`` it is what lies in the folder, new files included; without ``base`` then since the last commit.
    """
    sides: list[str] = []
    for field, ref in (("base", base or "HEAD"), ("head", head)):
        if ref:
            sha = await _commit(folder, ref)
            if not sha:
                return {"problem": f"There is no commit {ref!r} in this repository.", "field": field}
            sides.append(sha)
    if head:
        sides[0] = await _fork_point(folder, *sides)
    files = _counted(await git("diff", "--numstat", "-z", *PLAIN, *sides, "--", cwd=folder))
    fresh = [] if head else await _untracked(folder)
    found: dict[str, Any] = {"base": sides[0], "head": sides[1] if head else "", "more": len(files) > MOST_FILES}
    found |= {"files": files[:MOST_FILES], "fresh": fresh[:MOST_FILES]}
    if not count_only:
        found["diff"], found["left_out"] = await _diff(folder, sides, files)
    return found


async def _commit(folder: Path, ref: str) -> str:
    try:
        words = await git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", cwd=folder)
    except ToolError:
        await git("rev-parse", "--git-dir", cwd=folder)  # raises where it is the repository that cannot be used
        return ""
    return words.strip()


async def _fork_point(folder: Path, base: str, head: str) -> str:
    """Where the two parted; ``base`` itself where they have nothing in common."""
    try:
        return (await git("merge-base", base, head, cwd=folder)).split()[0]
    except (ToolError, IndexError):
        return base


def _counted(listing: str) -> list[dict[str, Any]]:
    """From ``added<TAB>removed<TAB>path`` with NULs between; a dash stands for what is no text."""
    files = []
    for row in listing.split("\0"):
        parts = row.split("\t", 2)
        if len(parts) == 3:
            added, removed = (int(part) if part.isdigit() else 0 for part in parts[:2])
            files.append({"path": _said(parts[2]), "added": added, "removed": removed, "text": parts[0] != "-"})
    return files


async def _untracked(folder: Path) -> list[str]:
    listing = await git("ls-files", "--others", "--exclude-standard", "-z", cwd=folder)
    return [_said(path) for path in listing.split("\0") if path]


async def _diff(folder: Path, sides: list[str], files: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """(the diff as far as it fits, the files that are not in it)."""
    if sum(file["added"] + file["removed"] for file in files) > MOST_LINES:
        return "", [file["path"] for file in files[:MOST_FILES]]
    whole = _said(await git("diff", "--unified=5", *PLAIN, *sides, "--", cwd=folder))
    parts = [part for part in ("\n" + whole).split("\ndiff --git ") if part.strip()]
    taken: list[str] = []
    left_out: list[str] = []
    room = MOST_CHARS
    for file, part in zip(files, parts, strict=False):
        if len(part) > min(room, MOST_OF_FILE):
            left_out.append(file["path"])
        else:
            taken.append(f"diff --git {part.rstrip()}")
            room -= len(part)
    return "\n".join(taken), left_out[:MOST_FILES]


def _said(text: str) -> str:
    """Bytes that are no UTF-8 become marks, and nothing is in it that a database could not hold."""
    return text.encode(errors="surrogateescape").decode(errors="replace").replace("\0", "\ufffd")
