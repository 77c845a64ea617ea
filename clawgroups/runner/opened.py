"""Files and folders of a workspace as a person's editor and tree need them: bounded, with what a save has to know."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from clawgroups.errors import ToolError
from clawgroups.runner.beneath import listing
from clawgroups.runner.snapshots import shown as readable
from clawgroups.runner.tools.text import open_spot, read_bytes
from clawgroups.runner.workspace import Workspace

MOST_ENTRIES = 1_000  # of one folder
SHOWN_CHARS = 200_000  # of a file that is only looked at
MOST_EDITED = 1024 * 1024  # bytes of a file that can be edited
BOM = b"\xef\xbb\xbf"


def open_file(workspace: Workspace, path: str) -> dict[str, Any]:
    """A text file. ``fixed`` says why it cannot be edited; ``sha`` names what it is now, ``eol`` its line ends.

    Raises ToolError for what is no text file.
    """
    data = read_bytes(workspace, path)
    fixed = _why_fixed(workspace, path, data)
    text = data.decode("utf-8-sig", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    most = SHOWN_CHARS if fixed else MOST_EDITED
    crlf = data.count(b"\r\n")
    return {
        "path": path,
        "text": text[:most],
        "truncated": len(text) > most,
        "bytes": len(data),
        "sha": hashlib.sha256(data).hexdigest(),
        "eol": "\r\n" if crlf and crlf == data.count(b"\n") else "\n",
        "fixed": fixed,
    }


def fingerprint(workspace: Workspace, path: str) -> dict[str, Any]:
    """What a file is now; an empty ``sha`` where there is none. Raises ToolError for what is no file."""
    try:
        handle = open_spot(workspace.locate(path))
    except ToolError as error:
        if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
            return {"path": path, "sha": ""}
        raise
    with os.fdopen(handle, "rb") as file:
        return {"path": path, "sha": hashlib.file_digest(file, "sha256").hexdigest()}


def _why_fixed(workspace: Workspace, path: str, data: bytes) -> str:
    try:
        workspace.locate(path, write=True)
    except ToolError:
        return "It is read-only here."
    if len(data) > MOST_EDITED:
        return f"It is too large to be edited here ({len(data):,} bytes)."
    if data.startswith(BOM):
        return "It begins with a byte order mark, which an edit here would lose."
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "It is not in UTF-8; an edit here would break it."
    bare = text.replace("\r\n", "\n")
    if "\r" in bare or (bare != text and text.count("\r\n") != text.count("\n")):
        return "Its line ends are mixed; an edit here would change them all."
    return ""


def list_folder(workspace: Workspace, path: str) -> dict[str, Any]:
    """One folder: its folders first, then its files. ``more`` counts what is left out. Raises ToolError."""
    spot = workspace.locate(path)
    try:
        items = listing(spot.base, spot.parts)
    except OSError as error:
        raise ToolError(f"{path or '.'} cannot be listed: {error.strerror}.") from error
    if spot.base == workspace.source:
        items = [item for item in items if not workspace.is_hidden(spot.base.joinpath(*item.parts))]
    own = [item for item in items if item.parts[-1] != ".git"]
    entries = [
        {"name": readable(item.parts[-1]), "folder": item.folder, "bytes": 0 if item.folder else item.size}
        for item in sorted(own, key=lambda item: not item.folder)
    ]
    if not spot.parts and spot.base == workspace.root and workspace.source is not None:
        entries = [{"name": "source", "folder": True, "bytes": 0}] + [e for e in entries if e["name"] != "source"]
    return {"path": path, "entries": entries[:MOST_ENTRIES], "more": max(0, len(entries) - MOST_ENTRIES)}
