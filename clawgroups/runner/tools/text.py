"""Reads text out of files of any size and encoding, in bounded memory."""

from __future__ import annotations

import io
import os

from msgspec import Struct

from clawgroups.beneath import open_file
from clawgroups.errors import ToolError
from clawgroups.runner.tools.threads import check_stopped
from clawgroups.runner.workspace import Spot, Workspace

MOST_READ = 8 * 1024 * 1024  # bytes of a file that is taken as a whole
MOST_SCANNED = 256 * 1024 * 1024  # bytes read to find the lines that were asked for
LINE_BYTES = 65_536  # of one line; the rest of a longer one is not shown
BINARY_LOOK = 8_000


class Part(Struct, frozen=True):
    """Some lines of a file. ``total`` is None where the file was too long to count them."""

    lines: list[str]
    total: int | None


def lines_of(text: str) -> list[str]:
    """Lines as an editor numbers them: ends are LF or CR LF, and a last end begins no new line."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def is_binary(data: bytes) -> bool:
    """Whether data is no text: it holds a NUL early on."""
    return b"\0" in data[:BINARY_LOOK]


def open_spot(spot: Spot) -> int:
    """A handle for reading the file. Raises ToolError with the path as it was asked for."""
    try:
        return open_file(spot.base, spot.parts)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ToolError(f"There is no file {spot.shown}.") from error
    except OSError as error:
        raise ToolError(f"{spot.shown} cannot be opened: {error.strerror}.") from error


def read_bytes(workspace: Workspace, path: str) -> bytes:
    """A text file as it stands. Raises ToolError for what is not a text file of bearable size."""
    with os.fdopen(open_spot(workspace.locate(path)), "rb") as file:
        data = file.read(MOST_READ + 1)
        size = os.fstat(file.fileno()).st_size
    if is_binary(data):
        raise ToolError(f"{path} is a binary file of {size:,} bytes.")
    if len(data) > MOST_READ:
        raise ToolError(f"{path} is larger than {MOST_READ:,} bytes.", hint="Read some of its lines, or search it.")
    return data


def read_text(workspace: Workspace, path: str) -> str:
    """A file's text; bytes that are no UTF-8 show as replacement characters. Raises ToolError."""
    return read_bytes(workspace, path).decode("utf-8-sig", "replace")


def read_part(workspace: Workspace, path: str, first: int, most: int) -> Part:
    """At most ``most`` lines from number ``first`` on (counted from 1), of a file of any size. Raises ToolError."""
    chosen: list[str] = []
    number = scanned = 0
    begins = True  # whether the piece begins a line: a long line comes in several pieces
    with io.BufferedReader(io.FileIO(open_spot(workspace.locate(path))), 1024 * 1024) as file:
        if is_binary(file.peek(BINARY_LOOK)):
            raise ToolError(f"{path} is a binary file of {os.fstat(file.fileno()).st_size:,} bytes.")
        while piece := file.readline(LINE_BYTES):
            number += begins
            if begins and first <= number < first + most:
                chosen.append(_line(piece, number))
            begins = piece.endswith(b"\n")
            scanned += len(piece)
            if number % 10_000 == 0:
                check_stopped()
            if scanned > MOST_SCANNED:
                if len(chosen) < most:
                    raise ToolError(f"{path} is too large to read so far into it (over {MOST_SCANNED:,} bytes).")
                return Part(chosen, None)
    return Part(chosen, number)


def _line(piece: bytes, number: int) -> str:
    text = piece.decode("utf-8-sig" if number == 1 else "utf-8", "replace")
    if len(piece) == LINE_BYTES and not piece.endswith(b"\n"):
        return f"{text} ... (a very long line; the rest is left out)"
    return text.removesuffix("\n").removesuffix("\r")
