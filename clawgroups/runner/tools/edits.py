"""Tools that write and edit files in the sub-agent's own workspace."""

from __future__ import annotations

from pydantic import Field

from clawgroups.errors import ToolError
from clawgroups.runner.beneath import replace_file
from clawgroups.runner.tools.base import Arguments, ToolContext, ToolResult, describe
from clawgroups.runner.tools.text import lines_of, read_bytes
from clawgroups.runner.tools.threads import check_stopped, in_thread
from clawgroups.runner.workspace import Spot, Workspace

MOST_WRITTEN = 4_000_000  # characters


class WriteArguments(Arguments):
    """Arguments of write_file."""

    path: str = Field(description="The file; folders on the way are made")
    content: str = Field(max_length=MOST_WRITTEN, description="The whole new content")


class WriteFile:
    """Writes a whole file. Writing the same again changes nothing, so it is safe to repeat."""

    arguments = WriteArguments
    spec = describe(
        "write_file", "Write a whole file, new or in place of the old.", WriteArguments, safe=True, writes=True
    )

    async def run(self, arguments: WriteArguments, context: ToolContext) -> ToolResult:
        data = arguments.content.encode("utf-8", "replace")
        await in_thread(_write, context.workspace, arguments.path, data)
        lines = len(lines_of(arguments.content))
        return ToolResult(
            f"Wrote {arguments.path} ({lines:,} line{'' if lines == 1 else 's'}).", changed=(arguments.path,)
        )


def _write(workspace: Workspace, path: str, data: bytes) -> None:
    with workspace.writing:
        check_stopped()
        _replace(workspace.locate(path, write=True), data)


def _replace(spot: Spot, data: bytes) -> None:
    try:
        replace_file(spot.base, spot.parts, data)
    except NotADirectoryError as error:
        raise ToolError(f"{spot.shown} cannot be written: a part of the path is a file, or was swapped.") from error
    except OSError as error:
        raise ToolError(f"{spot.shown} cannot be written: {error.strerror}.") from error


class EditArguments(Arguments):
    """Arguments of edit_file."""

    path: str = Field(description="The file")
    old: str = Field(
        min_length=1, max_length=MOST_WRITTEN, description="Text to replace, exactly as it stands, once in the file"
    )
    new: str = Field(max_length=MOST_WRITTEN, description="What takes its place")


class EditFile:
    """Replaces one passage. Not safe to repeat: the new text may hold the old."""

    arguments = EditArguments
    spec = describe("edit_file", "Replace one passage of a file by another.", EditArguments, writes=True)

    async def run(self, arguments: EditArguments, context: ToolContext) -> ToolResult:
        await in_thread(_edit, context.workspace, arguments)
        return ToolResult(f"Edited {arguments.path}.", changed=(arguments.path,))


def _edit(workspace: Workspace, arguments: EditArguments) -> None:
    """Works on bytes, so that what is no UTF-8 elsewhere in the file stays as it is."""
    with workspace.writing:
        check_stopped()
        spot = workspace.locate(arguments.path, write=True)
        data = read_bytes(workspace, arguments.path)
        old, new = arguments.old.encode("utf-8", "replace"), arguments.new.encode("utf-8", "replace")
        if old not in data and b"\r\n" in data:
            # read_file shows lines without their ends; who copies from it cannot know of the CR
            old, new = _with_cr(old), _with_cr(new)
        at = data.find(old)
        if at < 0:
            raise ToolError(f"The text is not in {arguments.path}.", hint="Read the file and copy it exactly.")
        if data.find(old, at + 1) >= 0:
            raise ToolError(f"The text stands more than once in {arguments.path}.", hint="Give more lines around it.")
        _replace(spot, data[:at] + new + data[at + len(old) :])


def _with_cr(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
