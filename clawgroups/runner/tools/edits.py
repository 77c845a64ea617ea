"""Tools that write and edit files in the sub-agent's own workspace."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from pydantic import Field

from clawgroups.errors import ToolError
from clawgroups.runner.tools.base import Arguments, ToolContext, ToolResult, describe
from clawgroups.runner.tools.files import read_text
from clawgroups.runner.workspace import Workspace

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
        lines = await asyncio.to_thread(write_text, context.workspace, arguments.path, arguments.content)
        return ToolResult(f"Wrote {arguments.path} ({lines} lines).", changed=(arguments.path,))


def write_text(workspace: Workspace, path: str, content: str) -> int:
    """Replaces a file in one move, so that a crash leaves the old or the new one. Returns the number of lines."""
    real = workspace.resolve(path, write=True)
    if real.is_dir():
        raise ToolError(f"{path} is a folder.")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=real.parent, prefix=".part-")
    except OSError as error:
        raise ToolError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(content)
        os.chmod(part, real.stat().st_mode & 0o777 if real.exists() else 0o644)
        os.replace(part, real)
    except OSError as error:
        Path(part).unlink(missing_ok=True)
        raise ToolError(f"{path} cannot be written: {error.strerror}.") from error
    return content.count("\n") + 1


class EditArguments(Arguments):
    """Arguments of edit_file."""

    path: str = Field(description="The file")
    old: str = Field(min_length=1, description="Text to replace, exactly as it stands, once in the file")
    new: str = Field(max_length=MOST_WRITTEN, description="What takes its place")


class EditFile:
    """Replaces one passage. Not safe to repeat: the new text may hold the old."""

    arguments = EditArguments
    spec = describe("edit_file", "Replace one passage of a file by another.", EditArguments, writes=True)

    async def run(self, arguments: EditArguments, context: ToolContext) -> ToolResult:
        await asyncio.to_thread(self._run, arguments, context.workspace)
        return ToolResult(f"Edited {arguments.path}.", changed=(arguments.path,))

    def _run(self, arguments: EditArguments, workspace: Workspace) -> None:
        workspace.resolve(arguments.path, write=True)
        text = read_text(workspace, arguments.path)
        times = text.count(arguments.old)
        if times == 0:
            raise ToolError(f"The text is not in {arguments.path}.", hint="Read the file and copy it exactly.")
        if times > 1:
            raise ToolError(f"The text stands {times} times in {arguments.path}.", hint="Give more lines around it.")
        write_text(workspace, arguments.path, text.replace(arguments.old, arguments.new))
