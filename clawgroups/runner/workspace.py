"""A sub-agent's workspace: its own folder or worktree, and perhaps a folder of the person's that it may only read."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections import defaultdict
from pathlib import Path, PurePosixPath

from msgspec import Struct

from clawgroups.errors import ToolError
from clawgroups.link.messages import WorkPlace
from clawgroups.runner.git import git
from clawgroups.runner.snapshots import Snapshots

SOURCE = "source"
MAX_PATH = 4_000
_repositories: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)


class Spot(Struct, frozen=True):
    """A place that was checked: ``parts`` below ``base``, without links at the time; ``shown`` as it was asked for."""

    base: Path
    parts: tuple[str, ...]
    shown: str


class Workspace:
    """Maps the paths that drivers write (``notes.md``, ``source/app.py``) to real ones, and never outside.

    ``hidden`` is a folder that nobody may look into although it lies in the source: our own, with the ledger and keys.
    """

    def __init__(self, root: Path, source: Path | None = None, hidden: Path | None = None) -> None:
        self.root = root.resolve()
        self.source = source.resolve() if source else None
        self.hidden = hidden.resolve() if hidden else None
        self.writing = threading.Lock()  # one write or edit at a time: an edit reads, and then writes

    @classmethod
    def of(cls, place: WorkPlace) -> Workspace:
        """The workspace at ``place``, which need not be there yet."""
        return cls(Path(place.root), Path(place.source) if place.source else None, home_of(place))

    def locate(self, path: str, *, write: bool = False) -> Spot:
        """Where ``path`` leads after following links.

        Raises ToolError for a path outside, a write into the read-only source, or nonsense.
        """
        base, rest = self._split(path)
        if write and base is self.source:
            raise ToolError(f"{path}: the source folder is read-only.", hint="Write into your own workspace.")
        try:
            real = Path(os.path.realpath(base / rest))
        except (OSError, ValueError) as error:
            raise ToolError(f"{path}: this path cannot be followed ({error}).") from error
        if real != base and base not in real.parents:
            raise ToolError(f"{path}: this leads outside of the workspace.", hint="Use a path below it.")
        if base is self.source and self.is_hidden(real):
            raise ToolError(f"{path}: this belongs to Claw Groups itself and is not shown.")
        parts = real.relative_to(base).parts
        if write and (not parts or ".git" in parts):
            raise ToolError(f"{path}: this may not be written.")
        return Spot(base, parts, path)

    def is_hidden(self, real: Path) -> bool:
        """Whether a real path lies in what is hidden."""
        return self.hidden is not None and (real == self.hidden or self.hidden in real.parents)

    def shown(self, base: Path, parts: tuple[str, ...]) -> str:
        """The path by which drivers know what lies at ``parts`` below a base."""
        return "/".join((SOURCE, *parts) if base is self.source else parts) or "."

    def _split(self, path: str) -> tuple[Path, str]:
        if "\0" in path or len(path) > MAX_PATH:
            raise ToolError("The path is too long or holds a NUL.")
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise ToolError(f"{path!r}: this is not valid Unicode.") from error
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


def home_of(place: WorkPlace) -> Path:
    """Claw Groups' own folder, seen from a group in it, whose snapshots lie three folders down."""
    return Path(place.snapshots).absolute().parent.parent.parent


async def prepare(place: WorkPlace, snapshots: Snapshots) -> Workspace:
    """Makes the workspace when it is not there yet: a worktree where a repository is given, else a folder.

    What was begun and not finished (the runner was killed) is begun again. Raises ToolError or OSError.
    """
    root, ready = Path(place.root), _ready_mark(place)
    workspace = Workspace.of(place)
    _check_source(workspace)
    if root.exists() and (ready.exists() or not (place.repository or place.restore)):
        return workspace
    root.parent.mkdir(parents=True, exist_ok=True)
    if place.repository:
        await _add_worktree(Path(place.repository), root, _branch(place))
    else:
        root.mkdir(exist_ok=True)
    if place.restore:
        await snapshots.restore(place.restore)
    ready.parent.mkdir(parents=True, exist_ok=True)
    ready.touch()
    return workspace


def _ready_mark(place: WorkPlace) -> Path:
    return Path(place.snapshots).parent / "ready" / Path(place.root).name


def _check_source(workspace: Workspace) -> None:
    source, home = workspace.source, workspace.hidden
    if source is None:
        return
    if not source.is_dir():
        raise ToolError(f"The folder {source} is not there any more.")
    if home is not None and (source == home or (home in source.parents and home / "work" not in source.parents)):
        raise ToolError(f"The folder {source} belongs to Claw Groups itself.", hint="Choose another folder.")


def _branch(place: WorkPlace) -> str:
    """Of the group and the sub-agent: several groups may work on one repository."""
    group, name = Path(place.snapshots).parent.name, Path(place.root).name
    return f"claw/{name}" if name.startswith(f"{group}-") else f"claw/{group}-{name}"


async def _add_worktree(repository: Path, root: Path, branch: str) -> None:
    async with _repositories[str(repository)]:
        await _check_repository(repository)
        if root.exists():  # of a runner that was killed while it made it
            await asyncio.to_thread(shutil.rmtree, root)
        await git("worktree", "prune", cwd=repository)
        known = await git("branch", "--list", branch, cwd=repository)
        target = (str(root), branch) if known.strip() else ("-b", branch, str(root))
        await git("worktree", "add", "--quiet", *target, cwd=repository)


async def _check_repository(repository: Path) -> None:
    if not repository.is_dir():
        raise ToolError(f"The folder {repository} is not there any more.")
    try:
        await git("rev-parse", "--git-dir", cwd=repository)
    except ToolError as error:
        raise ToolError(f"{repository} cannot be used as a git repository: {error.sentence}") from error
    try:
        await git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", cwd=repository)
    except ToolError as error:
        hint = "Commit something first, or give the folder to read only."
        raise ToolError(f"The repository {repository} has no commit yet, so it has no worktrees.", hint=hint) from error
