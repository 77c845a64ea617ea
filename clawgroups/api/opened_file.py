"""A download of a file that is open already: what is sent is what was checked, whatever its name means by now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from clawgroups.beneath import open_file
from clawgroups.errors import NotFound, ToolError


class OpenedFile(FileResponse):
    """Sends the open file by its handle and closes it, also when the other side goes away."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        handle = file.fileno()
        super().__init__(
            f"/dev/fd/{handle}",  # opens the very same file again, not what has its name now
            media_type="application/octet-stream",
            filename=name,
            stat_result=os.fstat(handle),
        )
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers."""
        with self._file:
            await super().__call__(scope, receive, send)


def opened_below(folder: Path, path: str) -> OpenedFile:
    """The file under ``folder`` as a download; links that stay within are followed.

    Raises NotFound where there is none, or it lies outside, or the path was swapped for a link meanwhile.
    """
    try:
        root, real = folder.resolve(), Path(folder / path).resolve()
        file = os.fdopen(open_file(root, real.relative_to(root).parts), "rb")
    except (
        OSError,
        RuntimeError,
        ValueError,
        ToolError,
    ) as error:  # a name too long, a loop of links, outside, a folder
        raise NotFound(f"There is no file {path} in this group's workspace.") from error
    return OpenedFile(file, real.name)
