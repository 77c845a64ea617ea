"""Tools that list, read and search files. All are safe to repeat."""

from __future__ import annotations

import fnmatch
import json
import os
import time
from collections.abc import Iterator

from pydantic import Field

from clawgroups.errors import ToolError
from clawgroups.runner.beneath import Item, listing, walk
from clawgroups.runner.tools.base import MAX_OUTPUT, Arguments, ToolContext, ToolResult, bounded, describe
from clawgroups.runner.tools.text import is_binary, lines_of, open_spot, read_part
from clawgroups.runner.tools.threads import check_stopped, in_thread
from clawgroups.runner.workspace import Spot, Workspace

MOST_ENTRIES = 2_000
LIST_CHARS = MAX_OUTPUT * 3 // 2
MOST_MATCHES = 200
BIGGEST_SEARCHED = 64 * 1024 * 1024
SEARCH_S = 20.0
SKIPPED = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".venv",
        ".tox",
        ".nox",
        "node_modules",
        "__pycache__",
        ".cache",
        ".eggs",
        ".hypothesis",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".gradle",
        ".terraform",
        ".next",
        ".nuxt",
        ".idea",
    ]
)


class ListArguments(Arguments):
    """Arguments of list_files."""

    path: str = Field(".", description="Folder; source/... is the folder to work on, read-only, if there is one")
    recursive: bool = Field(False, description="Also what lies in folders below")
    pattern: str = Field("", max_length=500, description="Only names like this, e.g. *.py")
    limit: int = Field(MOST_ENTRIES, ge=1, le=MOST_ENTRIES, description="At most so many entries")


class ListFiles:
    """Lists a folder, one entry a line: size in bytes, then the path; folders end in a slash."""

    arguments = ListArguments
    spec = describe(
        "list_files",
        "List files, one a line: size in bytes, a tab, the path. Folders end in / and have no size. A path with odd "
        "characters is written as a JSON string. Folders of tools and version control are left out.",
        ListArguments,
        safe=True,
    )

    async def run(self, arguments: ListArguments, context: ToolContext) -> ToolResult:
        return await in_thread(self._run, arguments, context.workspace)

    def _run(self, arguments: ListArguments, workspace: Workspace) -> ToolResult:
        lines: list[str] = []
        more = room = 0
        spot = workspace.locate(arguments.path)
        for item in _items(spot, workspace, recursive=arguments.recursive):
            if arguments.pattern and not fnmatch.fnmatch(item.parts[-1], arguments.pattern):
                continue
            line = _line(item, workspace.shown(spot.base, item.parts))
            room += len(line) + 1
            if more or len(lines) >= arguments.limit or room > LIST_CHARS:
                more += 1
            else:
                lines.append(line)
        if more:
            lines.append(f"({more} more entries; narrow the path or the pattern)")
        return ToolResult("\n".join(lines) or "(empty)")


def _items(spot: Spot, workspace: Workspace, *, recursive: bool) -> Iterator[Item]:
    try:
        found = walk(spot.base, spot.parts, SKIPPED) if recursive else iter(listing(spot.base, spot.parts))
        for item in found:
            check_stopped()
            if not (workspace.hidden and workspace.is_hidden(spot.base.joinpath(*item.parts))):
                yield item
    except FileNotFoundError as error:
        raise ToolError(f"There is no folder {spot.shown}.") from error
    except OSError as error:
        raise ToolError(f"{spot.shown} is not a folder that can be listed: {error.strerror}.") from error


def _line(item: Item, path: str) -> str:
    return f"\t{quoted(path + '/')}" if item.folder else f"{item.size}\t{quoted(path)}"


def quoted(path: str) -> str:
    """A path on one line: as it is, or as a JSON string where it holds what would be misread."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return json.dumps(path)  # a name that is no UTF-8
    odd = path.startswith('"') or not path.isprintable() or path != path.strip()
    return json.dumps(path, ensure_ascii=True) if odd else path


class ReadArguments(Arguments):
    """Arguments of read_file."""

    path: str = Field(description="The file")
    offset: int = Field(1, ge=1, le=10**12, description="First line, counted from 1")
    limit: int = Field(2_000, ge=1, le=10_000, description="At most so many lines")


class ReadFile:
    """Reads a text file, or a part of it."""

    arguments = ReadArguments
    spec = describe("read_file", "Read a text file, or some of its lines.", ReadArguments, safe=True)

    async def run(self, arguments: ReadArguments, context: ToolContext) -> ToolResult:
        first = arguments.offset
        part = await in_thread(read_part, context.workspace, arguments.path, first, arguments.limit)
        count = len(part.lines)
        of = f"{part.total:,}" if part.total is not None else "a great many"
        note = ""
        if not count and part.total:
            note = f"(the file has only {part.total:,} lines)"
        elif count != part.total:
            note = f"\n(lines {first} to {first + count - 1} of {of})"
        return ToolResult(bounded("\n".join(part.lines)) + note)


class SearchArguments(Arguments):
    """Arguments of search_files."""

    text: str = Field(min_length=1, max_length=500, description="Text to look for, as it stands (no pattern)")
    path: str = Field(".", description="Folder or file to search")
    pattern: str = Field("", max_length=500, description="Only files with names like this, e.g. *.py")
    ignore_case: bool = Field(False, description="Upper and lower case count as the same")


class SearchFiles:
    """Finds a text in files. Plain text on purpose: a regular expression from a model can hang the process."""

    arguments = SearchArguments
    spec = describe("search_files", "Find a text in files: path:line: the line.", SearchArguments, safe=True)

    async def run(self, arguments: SearchArguments, context: ToolContext) -> ToolResult:
        return await in_thread(_Search(arguments, context.workspace).run)


class _Search:
    """One search; counts what it could not look into, so that "nothing found" is true."""

    def __init__(self, arguments: SearchArguments, workspace: Workspace) -> None:
        self._asked = arguments
        self._workspace = workspace
        self._spot = workspace.locate(arguments.path)
        self._wanted = arguments.text.casefold() if arguments.ignore_case else arguments.text
        self._found: list[str] = []
        self._too_big = 0

    def run(self) -> ToolResult:
        until = time.monotonic() + SEARCH_S
        note = ""
        for item in self._files():
            check_stopped()
            self._look(item)
            if len(self._found) >= MOST_MATCHES:
                note = f"(more than {MOST_MATCHES} matches; narrow the search)"
                break
            if time.monotonic() > until:
                note = f"(stopped after {SEARCH_S:g} s; narrow the search)"
                break
        words = bounded("\n".join(self._found[:MOST_MATCHES])) or f"Nothing found for {self._asked.text!r}."
        if self._too_big:
            note += f"({self._too_big} files over {BIGGEST_SEARCHED:,} bytes were not searched)"
        return ToolResult(f"{words}\n{note}" if note else words)

    def _files(self) -> Iterator[Item]:
        spot, pattern = self._spot, self._asked.pattern
        real = spot.base.joinpath(*spot.parts)
        if real.is_file():
            yield Item(spot.parts, real.stat().st_size, folder=False, regular=True)
            return
        for item in _items(spot, self._workspace, recursive=True):
            if item.regular and (not pattern or fnmatch.fnmatch(item.parts[-1], pattern)):
                yield item

    def _look(self, item: Item) -> None:
        if item.size > BIGGEST_SEARCHED:
            self._too_big += 1
            return
        path = self._workspace.shown(self._spot.base, item.parts)
        try:
            handle = open_spot(Spot(self._spot.base, item.parts, path))
        except ToolError:
            return  # gone or closed to us since the folder was listed
        with os.fdopen(handle, "rb") as file:
            data = file.read(BIGGEST_SEARCHED)
        if is_binary(data):
            return
        for number, line in enumerate(lines_of(data.decode("utf-8", "replace")), 1):
            if self._wanted in (line.casefold() if self._asked.ignore_case else line):
                self._found.append(f"{quoted(path)}:{number}: {self._around(line)}")
                if len(self._found) >= MOST_MATCHES:
                    return

    def _around(self, line: str) -> str:
        """The line, or of a long one the part that matches."""
        at = max(0, line.find(self._asked.text) - 100)
        return line[at : at + 300].strip()
