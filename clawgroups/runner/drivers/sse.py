"""Splits a byte stream into server-sent events, cheaply: whole chunks at once, no line objects.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html section 9.2.6. Only ``data`` fields matter
to model streams; comments and other fields are skipped.
"""

from __future__ import annotations


class EventSplitter:
    """Feed it bytes as they come; it gives the data of each event that is complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that ended within ``chunk``."""
        data = self._rest + chunk if self._rest else chunk
        if b"\r" in data:
            held = data.endswith(b"\r")  # its line feed may come with the next chunk
            body = (data[:-1] if held else data).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            data = body + b"\r" if held else body
        end = data.rfind(b"\n\n")
        if end < 0:
            self._rest = data
            return []
        self._rest = data[end + 2 :]
        return [found for block in data[:end].split(b"\n\n") if (found := _data_of(block)) is not None]

    def finish(self) -> list[bytes]:
        """The last event of a stream that ended without a blank line."""
        rest, self._rest = self._rest.replace(b"\r", b"\n").strip(b"\n"), b""
        found = _data_of(rest) if rest else None
        return [found] if found is not None else []


def _data_of(block: bytes) -> bytes | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
