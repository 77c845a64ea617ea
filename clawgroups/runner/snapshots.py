"""A workspace as it was at a step, kept in a hidden git folder beside it: one a group, one index a sub-agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import stat
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from clawgroups.errors import ToolError
from clawgroups.runner.git import git

BIGGEST = 5 * 1024 * 1024  # bytes; larger files are left out of snapshots
MOST_FILES = 20_000
DIFF_CHARS = 200_000
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's name of the tree without files
_STATUS = {"A": "added", "M": "changed", "D": "deleted", "T": "changed"}
# Whatever the workspace's own .gitattributes say: bytes are kept as they are.
_ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding\n"


class Snapshots:
    """Takes, compares and restores trees of one workspace: its files and links, not empty folders, not git's own.

    Any number of these may look at one workspace; they take turns.
    """

    def __init__(self, store: Path, root: Path) -> None:
        self._store = store
        self._root = root

    async def take(self) -> str:
        """The tree of the workspace now. Raises ToolError."""
        async with self._turn() as index:
            return await self._take(index)

    async def restore(self, tree: str) -> None:
        """Makes the workspace's files what they were in ``tree``; files too big for one stay. Raises ToolError."""
        async with self._turn() as index:
            await self._git("read-tree", tree, index=index)
            kept = set((await self._git("ls-files", "-z", index=index)).split("\0"))
            await asyncio.to_thread(_remove_others, self._root, kept)
            await self._git("checkout-index", "--all", "--force", index=index)

    async def changes(self, since: str) -> tuple[list[dict[str, Any]], str]:
        """(changed files, unified diff) from ``since`` (empty: from nothing) to now. Raises ToolError."""
        now = await self.take()
        before = since or EMPTY_TREE
        names = await self._git("diff-tree", "-r", "-z", "--name-status", "--no-renames", before, now)
        diff = await self._git("diff-tree", "-p", "--no-renames", "--no-color", "--no-ext-diff", before, now)
        parts = names.split("\0")[:-1]
        files = [
            {"path": shown(path), "status": _STATUS.get(status[:1], "changed")}
            for status, path in zip(parts[::2], parts[1::2], strict=False)
        ]
        cut = diff if len(diff) <= DIFF_CHARS else diff[:DIFF_CHARS] + "\n(the rest is left out)\n"
        return files, shown(cut)

    async def _take(self, index: Path) -> str:
        present = await asyncio.to_thread(_small_files, self._root)
        known = (await self._git("ls-files", "-z", index=index)).split("\0")[:-1]
        # NOTE: the index is kept between snapshots, so that git reads only the files that have changed.
        gone = sorted(set(known) - set(present))
        if gone:
            await self._git("update-index", "-z", "--force-remove", "--stdin", index=index, stdin=_nul(gone))
        if present:
            words = ("update-index", "-z", "--add", "--remove", "--replace", "--stdin")
            await self._git(*words, index=index, stdin=_nul(present))
        return (await self._git("write-tree", index=index)).strip()

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[Path]:
        """The index, for one at a time; what a killed git left of it is thrown away."""
        index = self._store / f"index-{self._root.name}"
        async with _LOCKS[str(index)]:
            await self._open()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{index}.lock")
                index.unlink()
            try:
                yield index
            except (ToolError, asyncio.CancelledError):
                index.unlink(missing_ok=True)
                raise

    async def _open(self) -> None:
        if (self._store / "HEAD").exists():
            return
        self._store.parent.mkdir(parents=True, exist_ok=True)
        made = self._store.with_name(f"{self._store.name}-{secrets.token_hex(4)}")
        await git("init", "--quiet", "--bare", "--object-format=sha1", str(made), cwd=self._store.parent)
        (made / "info").mkdir(exist_ok=True)
        (made / "info" / "attributes").write_text(_ATTRIBUTES)
        await git("hash-object", "-t", "tree", "-w", "--stdin", cwd=made, env={"GIT_DIR": str(made)})
        try:
            made.rename(self._store)
        except OSError:
            shutil.rmtree(made)  # another seat of the group was faster
            if not (self._store / "HEAD").exists():
                raise

    async def _git(self, *args: str, index: Path | None = None, stdin: bytes = b"") -> str:
        env = {"GIT_DIR": str(self._store), "GIT_WORK_TREE": str(self._root)}
        if index is not None:
            env["GIT_INDEX_FILE"] = str(index)
        return await git(*args, cwd=self._root, env=env, stdin=stdin)


_LOCKS: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)


def shown(text: str) -> str:
    """Text that may hold bytes which are no UTF-8, as it can be sent and shown."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _nul(paths: list[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _small_files(root: Path) -> list[str]:
    """Relative paths of all files and links up to BIGGEST, without git's own. Raises ToolError on too many."""
    found: list[str] = []
    for folder, names, files in os.walk(root):
        links = [name for name in names if os.path.islink(os.path.join(folder, name))]
        names[:] = [name for name in names if name != ".git"]
        for file in (*files, *links):
            path = os.path.join(folder, file)
            if file != ".git" and _fits(path):
                found.append(os.path.relpath(path, root))
        if len(found) > MOST_FILES:
            raise ToolError(f"The workspace holds more than {MOST_FILES:,} files; no snapshot was taken.")
    return found


def _fits(path: str) -> bool:
    try:
        facts = os.lstat(path)
    except OSError:
        return False  # gone since the folder was listed
    if stat.S_ISLNK(facts.st_mode):
        return True
    return stat.S_ISREG(facts.st_mode) and facts.st_size <= BIGGEST and os.access(path, os.R_OK)


def _remove_others(root: Path, kept: set[str]) -> None:
    for path in _small_files(root):
        if path not in kept:
            os.unlink(root / path)
