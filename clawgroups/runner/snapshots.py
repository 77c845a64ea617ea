"""A workspace as it was at a step, kept in a hidden git folder beside it: one a group, one index a sub-agent."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from clawgroups.errors import ToolError
from clawgroups.runner.git import git

BIGGEST = 5 * 1024 * 1024  # bytes; larger files are left out of snapshots
MOST_FILES = 20_000
DIFF_CHARS = 200_000
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's name of the tree without files
_STATUS = {"A": "added", "M": "changed", "D": "deleted", "T": "changed"}


class Snapshots:
    """Takes, compares and restores trees of one workspace. Calls of one workspace go one after the other."""

    def __init__(self, store: Path, root: Path) -> None:
        self._store = store
        self._root = root
        self._lock = asyncio.Lock()

    async def take(self) -> str:
        """The tree of the workspace now. Raises ToolError."""
        async with self._lock:
            await self._open()
            paths = await asyncio.to_thread(_small_files, self._root)
            if not paths:
                return EMPTY_TREE
            index = self._index()
            listing = self._store / f"list-{self._name()}"
            await asyncio.to_thread(listing.write_bytes, b"\0".join(os.fsencode(path) for path in paths))
            try:
                await asyncio.to_thread(index.unlink, True)
                await self._git(
                    "add", "--force", "--all", f"--pathspec-from-file={listing}", "--pathspec-file-nul", index=index
                )
            finally:
                await asyncio.to_thread(listing.unlink, True)
            return (await self._git("write-tree", index=index)).strip()

    async def restore(self, tree: str) -> None:
        """Makes the workspace's files what they were in ``tree``."""
        async with self._lock:
            await self._open()
            index = self._index()
            await self._git("read-tree", tree, index=index)
            await self._git("checkout-index", "--all", "--force", index=index)

    async def changes(self, since: str) -> tuple[list[dict[str, Any]], str]:
        """(changed files, unified diff) from ``since`` (empty: from nothing) to now."""
        now = await self.take()
        before = since or EMPTY_TREE
        if EMPTY_TREE in (before, now):
            await self._git("hash-object", "-t", "tree", "-w", "/dev/null")
        names = await self._git("diff-tree", "-r", "-z", "--name-status", "--no-renames", before, now)
        diff = await self._git("diff-tree", "-p", "--no-renames", "--no-color", before, now)
        parts = names.split("\0")[:-1]
        files = [
            {"path": path, "status": _STATUS.get(status[:1], "changed")}
            for status, path in zip(parts[::2], parts[1::2], strict=False)
        ]
        cut = diff if len(diff) <= DIFF_CHARS else diff[:DIFF_CHARS] + "\n(the rest is left out)\n"
        return files, cut

    async def _open(self) -> None:
        if not (self._store / "HEAD").exists():
            self._store.mkdir(parents=True, exist_ok=True)
            await git("init", "--quiet", "--bare", str(self._store), cwd=self._store)

    async def _git(self, *args: str, index: Path | None = None) -> str:
        env = {"GIT_DIR": str(self._store), "GIT_WORK_TREE": str(self._root)}
        if index is not None:
            env["GIT_INDEX_FILE"] = str(index)
        return await git(*args, cwd=self._root, env=env)

    def _name(self) -> str:
        return self._root.name

    def _index(self) -> Path:
        return self._store / f"index-{self._name()}"


def _small_files(root: Path) -> list[str]:
    """Relative paths of all files up to BIGGEST, without git's own. Raises ToolError when there are too many."""
    found: list[str] = []
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name != ".git"]
        for file in files:
            path = os.path.join(folder, file)
            if file != ".git" and os.lstat(path).st_size <= BIGGEST:
                found.append(os.path.relpath(path, root))
        if len(found) > MOST_FILES:
            raise ToolError(f"The workspace holds more than {MOST_FILES:,} files; no snapshot was taken.")
    return found
