"""A sub-agent's workspace: its own folder or worktree, and perhaps a folder of the person's that it may only read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

from clawgroups.errors import ToolError
from clawgroups.link.messages import WorkPlace
from clawgroups.runner.git import git

SOURCE = "source"
MAX_PATH = 4_000


class Workspace:
    """Maps the paths that drivers write (``notes.md``, ``source/app.py``) to real ones, and never outside."""

    def __init__(self, root: Path, source: Path | None = None) -> None:
        self.root = root.resolve()
        self.source = source.resolve() if source else None

    def resolve(self, path: str, *, write: bool = False) -> Path:
        """The real path of ``path`` after following links.

        Raises ToolError for a path outside, a write into the read-only source, or nonsense.
        """
        base, rest = self._split(path)
        if write and base is self.source:
            raise ToolError(f"{path}: the source folder is read-only.", hint="Write into your own workspace.")
        real = Path(os.path.realpath(base / rest))
        if real != base and base not in real.parents:
            raise ToolError(f"{path}: this leads outside of the workspace.", hint="Use a path below it.")
        if write and (real == base or ".git" in real.relative_to(base).parts):
            raise ToolError(f"{path}: this may not be written.")
        return real

    def shown(self, real: Path) -> str:
        """The path by which drivers know a real one."""
        if self.source is not None and (real == self.source or self.source in real.parents):
            return str(PurePosixPath(SOURCE) / real.relative_to(self.source).as_posix())
        return real.relative_to(self.root).as_posix()

    def _split(self, path: str) -> tuple[Path, str]:
        if "\0" in path or len(path) > MAX_PATH:
            raise ToolError("The path is too long or holds a NUL.")
        pure = PurePosixPath(path or ".")
        if pure.is_absolute():
            pure = pure.relative_to("/ws") if path == "/ws" or path.startswith("/ws/") else pure
        if pure.is_absolute():
            raise ToolError(f"{path}: absolute paths are not allowed.", hint="Use a path relative to the workspace.")
        if ".." in pure.parts:
            raise ToolError(f"{path}: '..' is not allowed.", hint="Use a path relative to the workspace.")
        if self.source is not None and pure.parts[:1] == (SOURCE,):
            return self.source, str(PurePosixPath(*pure.parts[1:]))
        return self.root, str(pure)


async def prepare(place: WorkPlace) -> Workspace:
    """Makes the workspace when it is not there yet: a worktree where a repository is given, else a folder."""
    root = Path(place.root)
    source = Path(place.source) if place.source else None
    if source is not None and not source.is_dir():
        raise ToolError(f"The folder {source} is not there any more.")
    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        if place.repository:
            await _add_worktree(Path(place.repository), root)
        else:
            root.mkdir(parents=True, exist_ok=True)
    return Workspace(root, source)


async def _add_worktree(repository: Path, root: Path) -> None:
    branch = f"claw/{root.name}"
    await git("worktree", "prune", cwd=repository)
    known = await git("branch", "--list", branch, cwd=repository)
    if known.strip():
        await git("worktree", "add", "--quiet", str(root), branch, cwd=repository)
    else:
        await git("worktree", "add", "--quiet", "-b", branch, str(root), cwd=repository)


async def remove(place: WorkPlace) -> None:
    """Removes a workspace for good; of a worktree the branch stays."""
    if place.repository:
        await git("worktree", "remove", "--force", place.root, cwd=Path(place.repository))
    else:
        shutil.rmtree(place.root, ignore_errors=True)
