"""Splits a byte stream into server-sent events, cheaply: whole chunks at once, no line objects.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html section 9.2.6. Only ``data`` fields matter
to model streams; comments and other fields are skipped.
"""

from __future__ import annotations

_BOM = b"\xef\xbb\xbf"


class EventSplitter:
    """Feed it bytes as they come; it gives the data of each event that is complete. Linear in what it is fed."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # of the event under way, lines ended by LF alone
        self._last = b""  # its last byte, if it has any
        self._after_cr = False
        self.waiting = 0  # bytes of the event under way

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that ended within ``chunk``."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")  # the second half of a line end that was taken for whole
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not chunk:
            return []
        if b"\n\n" not in chunk and not (self._last == b"\n" and chunk.startswith(b"\n")):
            self._keep(chunk)
            return []
        data = b"".join((*self._rest, chunk)) if self._rest else chunk
        end = data.rfind(b"\n\n")
        self._rest, self._last, self.waiting = [], b"", 0
        if end + 2 < len(data):
            self._keep(data[end + 2 :])
        return [found for block in data[:end].split(b"\n\n") if (found := _data_of(block)) is not None]

    def finish(self) -> list[bytes]:
        """The last event of a stream that ended without a blank line."""
        rest = b"".join(self._rest).strip(b"\n")
        self._rest, self._last, self.waiting = [], b"", 0
        found = _data_of(rest) if rest else None
        return [found] if found is not None else []

    def _keep(self, chunk: bytes) -> None:
        self._rest.append(chunk)
        self._last = chunk[-1:]
        self.waiting += len(chunk)


def _data_of(block: bytes) -> bytes | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [line[5:].removeprefix(b" ") for line in block.removeprefix(_BOM).split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
