"""What a person did in a terminal, as it goes into the ledger: what was typed and what came out, both bounded."""

from __future__ import annotations

from clawgroups.runner.terminal_text import plain
from clawgroups.runner.tools.base import bounded

KEPT = 128 * 1024  # characters of output kept at each end
TYPED = 6_000  # characters of what was typed
TOLD = 48_000  # characters of what came out, as it is told
HIDDEN = "(something that was not shown, such as a password)"
_ENTER, _RUB_OUT = "\r\n", "\x7f\b"
_MARKS = {"\x03": "^C", "\x04": "^D", "\x1a": "^Z"}


class Record:
    """One call's share of a terminal's life."""

    def __init__(self, cols: int = 80) -> None:
        self.cols = cols  # of the screen
        self._head = ""
        self._tail = ""
        self._left_out = 0
        self._typed: list[str] = []
        self._line = ""
        self._escape = ""
        self._room = TYPED

    @property
    def empty(self) -> bool:
        """Whether nothing was typed and nothing came out."""
        return not (self._head or self._typed or self._line)

    def came_out(self, text: str) -> None:
        """Output, as it comes."""
        room = KEPT - len(self._head)
        self._head += text[:room] if room > 0 else ""
        self._tail += text[max(0, room) :]
        if len(self._tail) > 2 * KEPT:
            self._left_out += len(self._tail) - KEPT
            self._tail = self._tail[-KEPT:]

    def typed(self, text: str, *, hidden: bool = False) -> None:
        """Keys, as they come. ``hidden``: the terminal does not echo them, so they are a secret and not kept."""
        if hidden:
            if not self._typed or self._typed[-1] != HIDDEN:
                self._end_line(HIDDEN)
            return
        for key in text:
            self._key(key)

    def _key(self, key: str) -> None:
        if self._escape or key == "\x1b":
            self._escape += key
            done = len(self._escape) > 1 and (self._escape[1] not in "[O" or (len(self._escape) > 2 and key >= "@"))
            if done or len(self._escape) > 32:
                self._escape = ""
        elif key in _ENTER:
            self._end_line(self._line)
        elif key in _RUB_OUT:
            self._line = self._line[:-1]
        elif key == "\x15":
            self._line = ""
        elif key in _MARKS:
            self._end_line(self._line + _MARKS[key])
        elif key >= " " and len(self._line) < TYPED:
            self._line += key

    def _end_line(self, line: str) -> None:
        self._line = ""
        if line.strip() and self._room > 0:
            self._room -= len(line) + 1
            self._typed.append(line if self._room >= 0 else "(what was typed after that is left out)")

    def told(self, ended: str) -> str:
        """The result of the call: ``ended`` says how the terminal came to its end."""
        typed = [*self._typed, *([f"{self._line} (not sent)"] if self._line.strip() else [])]
        lines = ["Typed:", *(f"  {line}" for line in typed)] if typed else ["Nothing was typed."]
        shown = bounded(self._shown(), TOLD)
        lines += ["", "Shown:", shown] if shown else ["", "Nothing was shown."]
        return "\n".join([*lines, "", f"({ended})"])

    def _shown(self) -> str:
        tail = self._tail[-KEPT:]
        left_out = self._left_out + len(self._tail) - len(tail)
        if not left_out:
            return plain(self._head + tail, self.cols)
        head, end = plain(self._head, self.cols), plain(tail, self.cols)
        return f"{head}\n... ({left_out:,} characters left out) ...\n{end}"
