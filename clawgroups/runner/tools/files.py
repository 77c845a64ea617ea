"""Tools that list, read and search files. All are safe to repeat."""

from __future__ import annotations

import asyncio
import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from clawgroups.errors import ToolError
from clawgroups.runner.tools.base import Arguments, ToolContext, ToolResult, bounded, describe
from clawgroups.runner.workspace import Workspace

MOST_ENTRIES = 2_000
MOST_MATCHES = 200
BIGGEST_SEARCHED = 2 * 1024 * 1024
MOST_READ = 8 * 1024 * 1024
SKIPPED = frozenset({".git", ".venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


class ListArguments(Arguments):
    """Arguments of list_files."""

    path: str = Field(".", description="Folder; source/... is the folder to work on, read-only, if there is one")
    recursive: bool = Field(False, description="Also what lies in folders below")
    pattern: str = Field("", description="Only names like this, e.g. *.py")
    limit: int = Field(MOST_ENTRIES, ge=1, le=MOST_ENTRIES, description="At most so many entries")


class ListFiles:
    """Lists a folder, one entry a line: size in bytes, then the path; folders end in a slash."""

    arguments = ListArguments
    spec = describe(
        "list_files",
        "List files, one a line: size in bytes, a tab, the path. Folders end in / and have no size. "
        "Folders of tools and version control are left out.",
        ListArguments,
        safe=True,
    )

    async def run(self, arguments: ListArguments, context: ToolContext) -> ToolResult:
        return await asyncio.to_thread(self._run, arguments, context.workspace)

    def _run(self, arguments: ListArguments, workspace: Workspace) -> ToolResult:
        base = workspace.resolve(arguments.path)
        if not base.is_dir():
            raise ToolError(f"{arguments.path} is not a folder.")
        lines: list[str] = []
        more = 0
        for path in _entries(base, arguments.recursive):
            if arguments.pattern and not fnmatch.fnmatch(path.name, arguments.pattern):
                continue
            if len(lines) >= arguments.limit:
                more += 1
                continue
            lines.append(_line(path, workspace))
        if more:
            lines.append(f"({more} more entries; narrow the path or the pattern)")
        return ToolResult("\n".join(lines) or "(empty)")


def _entries(base: Path, recursive: bool) -> Iterator[Path]:
    if not recursive:
        yield from sorted(base.iterdir())
        return
    for folder, names, files in os.walk(base):
        names[:] = sorted(name for name in names if name not in SKIPPED)
        for file in sorted(files):
            yield Path(folder) / file


def _line(path: Path, workspace: Workspace) -> str:
    shown = workspace.shown(path).encode("utf-8", "replace").decode().replace("\n", "\\n").replace("\t", "\\t")
    if path.is_dir() and not path.is_symlink():
        return f"\t{shown}/"
    return f"{path.lstat().st_size}\t{shown}"


class ReadArguments(Arguments):
    """Arguments of read_file."""

    path: str = Field(description="The file")
    offset: int = Field(1, ge=1, description="First line, counted from 1")
    limit: int = Field(2_000, ge=1, le=10_000, description="At most so many lines")


class ReadFile:
    """Reads a text file, or a part of it."""

    arguments = ReadArguments
    spec = describe("read_file", "Read a text file, or some of its lines.", ReadArguments, safe=True)

    async def run(self, arguments: ReadArguments, context: ToolContext) -> ToolResult:
        text = await asyncio.to_thread(read_text, context.workspace, arguments.path)
        lines = text.splitlines()
        chosen = lines[arguments.offset - 1 : arguments.offset - 1 + arguments.limit]
        note = ""
        if len(chosen) < len(lines):
            note = f"\n(lines {arguments.offset} to {arguments.offset + len(chosen) - 1} of {len(lines)})"
        return ToolResult(bounded("\n".join(chosen)) + note)


def read_text(workspace: Workspace, path: str) -> str:
    """A file's text. Raises ToolError for what is not a text file of bearable size."""
    real = workspace.resolve(path)
    if not real.is_file():
        raise ToolError(f"{path} is not a file." if real.exists() else f"There is no file {path}.")
    with real.open("rb") as file:
        data = file.read(MOST_READ + 1)
    if b"\0" in data[:8_000]:
        raise ToolError(f"{path} is a binary file of {real.stat().st_size:,} bytes.")
    if len(data) > MOST_READ:
        raise ToolError(f"{path} is larger than {MOST_READ:,} bytes.", hint="Use search_files on it.")
    return data.decode("utf-8", "replace")


class SearchArguments(Arguments):
    """Arguments of search_files."""

    text: str = Field(min_length=1, max_length=500, description="Text to look for, as it stands (no pattern)")
    path: str = Field(".", description="Folder or file to search")
    pattern: str = Field("", description="Only files with names like this, e.g. *.py")
    ignore_case: bool = Field(False, description="Upper and lower case count as the same")


class SearchFiles:
    """Finds a text in files. Plain text on purpose: a regular expression from a model can hang the process."""

    arguments = SearchArguments
    spec = describe("search_files", "Find a text in files: path:line: the line.", SearchArguments, safe=True)

    async def run(self, arguments: SearchArguments, context: ToolContext) -> ToolResult:
        return await asyncio.to_thread(self._run, arguments, context.workspace)

    def _run(self, arguments: SearchArguments, workspace: Workspace) -> ToolResult:
        base = workspace.resolve(arguments.path)
        files = [base] if base.is_file() else _entries(base, recursive=True)
        found: list[str] = []
        for path in files:
            if arguments.pattern and not fnmatch.fnmatch(path.name, arguments.pattern):
                continue
            found += _matches(path, arguments, workspace)
            if len(found) >= MOST_MATCHES:
                found = [*found[:MOST_MATCHES], f"(more than {MOST_MATCHES} matches; narrow the search)"]
                break
        return ToolResult(bounded("\n".join(found)) or f"Nothing found for {arguments.text!r}.")


def _matches(path: Path, arguments: SearchArguments, workspace: Workspace) -> list[str]:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > BIGGEST_SEARCHED:
        return []
    data = path.read_bytes()
    if b"\0" in data[:8_000]:
        return []
    wanted = arguments.text.casefold() if arguments.ignore_case else arguments.text
    shown = workspace.shown(path)
    return [
        f"{shown}:{number}: {line.strip()[:300]}"
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1)
        if wanted in (line.casefold() if arguments.ignore_case else line)
    ]
