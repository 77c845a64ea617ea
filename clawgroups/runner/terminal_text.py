"""What a terminal showed, as plain lines: without escape codes, with corrections at the prompt carried out."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # a title or a link
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # strings for the terminal itself
    r"|\x1b\[(?P<values>[0-?]*)[ -/]*(?P<what>[@-~])"
    r"|\x1b\[[0-?]*[ -/]*\Z"  # cut off
    r"|\x1b[ -/]*[0-~]?"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
    r"|(?P<words>[^\x00-\x1f\x7f-\x9f]+)"
)
_OTHER_SCREEN = ("?1049", "?1047", "?47")
FULL_SCREEN = "(a program took the whole screen; what it showed there is left out)"
WIDEST = 10_000  # cells of one line; further right nothing is placed
ROWS = 4  # of the screen, that one command moves or blanks at most
MOST_WORK = (
    2_000_000  # cells that all commands together may touch: the text is hostile, and its reading holds others up
)
TOO_MUCH = "(the codes for the screen were too many; from here on they are left out)"
TAB = 8


def plain(text: str, cols: int = WIDEST) -> str:
    """``text`` as somebody would have read it line by line, on a screen of ``cols`` columns."""
    page = _Page(cols)
    for token in _TOKEN.finditer(text):
        if token["what"] and not page.tired:
            page.command(token["what"], token["values"])
        elif token["control"]:
            page.control(token["control"])
        elif token["words"]:
            page.write(token["words"])
    return page.text()


class _Page:
    """One line that is still written, with a cursor in it, and the lines above, which stay as they are.

    A line longer than the screen takes several rows of it; the cursor's movements are within those.
    """

    def __init__(self, cols: int) -> None:
        self._cols = cols
        self._lines: list[str] = []
        self._line: list[str] = []
        self._at = 0
        self._away = False  # on the other screen, where full-screen programs draw
        self.work = 0  # cells touched so far, but for the words themselves

    @property
    def tired(self) -> bool:
        """Whether no more commands are carried out."""
        return self.work >= MOST_WORK

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in [*self._lines, "".join(self._line)]).strip("\n")

    def write(self, words: str) -> None:
        if self._away:
            return
        words = words[: max(0, WIDEST - self._at)]
        self._pad()
        self._line[self._at : self._at + len(words)] = words
        self._at += len(words)

    def control(self, code: str) -> None:
        if self._away:
            return
        match code:
            case "\n":
                self._lines.append("".join(self._line))
                self._line, self._at = [], 0
            case "\r":
                self._at = self._row()
            case "\b":
                self._at = max(0, self._at - 1)
            case "\t":
                self._at = min(WIDEST, self._at + TAB - self._at % TAB)

    def command(self, what: str, values: str) -> None:
        if what in "hl" and values in _OTHER_SCREEN:
            self._switch(what == "h")
        elif not self._away:
            self._edit(what, values)

    def _switch(self, away: bool) -> None:
        if away and not self._away:
            self._lines += ["".join(self._line), FULL_SCREEN]
            self._line, self._at = [], 0
        self._away = away

    def _edit(self, what: str, values: str) -> None:
        first = values.split(";", maxsplit=1)[0][-9:]
        count = min(WIDEST, int(first)) if first.isdecimal() else 0
        step = min(max(1, count), ROWS * self._cols)
        match what:
            case "C":
                self._at = min(WIDEST, self._at + step)
            case "D":
                self._at = max(0, self._at - step)
            case "A":
                self._at = max(self._at % self._cols, self._at - step * self._cols)
            case "G":
                self._at = min(WIDEST, self._row() + step - 1)
            case "K":
                self._erase(count)
            case "P":
                self._touch(len(self._line) - self._at)
                del self._line[self._at : self._at + step]
            case "@":
                self._pad()
                self._touch(len(self._line) - self._at + step)
                self._line[self._at : self._at] = " " * step
                del self._line[WIDEST:]
            case "X":
                self._pad()
                self._touch(step)
                self._line[self._at : self._at + step] = " " * min(step, WIDEST - self._at)
            case "J" if count == 0:
                del self._line[self._at :]
            case "H" | "f":
                if self._line:
                    self._lines.append("".join(self._line))
                self._line, self._at = [], 0

    def _row(self) -> int:
        """Where the row begins in which the cursor is; right behind its last cell it is still there."""
        return max(0, self._at - 1) // self._cols * self._cols

    def _erase(self, how: int) -> None:
        if how == 0:
            del self._line[self._at :]
        else:
            end = len(self._line) if how == 2 else min(len(self._line), self._at + 1)
            self._touch(end)
            self._line[:end] = " " * end

    def _pad(self) -> None:
        """Blanks up to the cursor; for one who is tired the cursor comes back to the end of the line instead."""
        missing = self._at - len(self._line)
        if missing > 0 and self.tired:
            self._at = len(self._line)
        elif missing > 0:
            self._touch(missing)
            self._line += " " * missing

    def _touch(self, cells: int) -> None:
        before, self.work = self.work, self.work + max(0, cells)
        if before < MOST_WORK <= self.work:
            self._lines.append(TOO_MUCH)
