"""Reads Kimi's tool calls out of an answer while it comes.

A section holds calls, a call is ``functions.NAME:NUMBER``, a sign, and arguments in JSON (tool_call_guidance.md of
Kimi K2). A call is told as soon as its name is known, its arguments as they come. What does not have that form is
told as text, signs written out, so that nothing of an answer is lost.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from backend.text.signs import ARGUMENTS, CALL, CALL_END, SECTION, SECTION_END, spelled

LONGEST_ID = 512  # characters
_SIGNS = re.compile(f"([{SECTION}{SECTION_END}{CALL}{ARGUMENTS}{CALL_END}])")
_ID = re.compile(r"\s*(?:functions\.)?([\w.\-]+):(\d{1,9})\s*")
_COUNTER = re.compile(r"\s*(\d{1,9})\s*")


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CallBegun:
    """A call whose arguments follow. ``index`` counts the calls of this answer."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of a call's arguments, a part of a JSON text."""

    index: int
    text: str


Part = Text | CallBegun | CallArguments


class _Where(Enum):
    TEXT = "outside of any section"
    SECTION = "between calls"
    ID = "in a call's id"
    ARGUMENTS = "in a call's arguments"
    ODD = "in a call that has no readable id: all of it is text"


class ToolCalls:
    """Reads text with signs. ``names`` are the tools on offer: a bare number is a call where there is only one."""

    def __init__(self, names: Collection[str]) -> None:
        self._only = next(iter(names)) if len(names) == 1 else ""
        self._where = _Where.TEXT
        self._id = ""
        self._gap = ""
        self._stray = False
        self._numbers: set[int] = set()
        self.count = 0

    @property
    def inside(self) -> bool:
        """Whether what comes is a call's id or its arguments."""
        return self._where in (_Where.ID, _Where.ARGUMENTS)

    def feed(self, text: str) -> list[Part]:
        """What the text tells, in its order."""
        parts: list[Part] = []
        for piece in _SIGNS.split(text):
            if piece:
                self._sign(piece, parts) if _SIGNS.fullmatch(piece) else self._words(piece, parts)
        return parts

    def finish(self) -> list[Part]:
        """What is left of a call that broke off before its arguments."""
        parts: list[Part] = []
        self._give_up_id(parts)
        self._where = _Where.TEXT
        return parts

    def _words(self, text: str, parts: list[Part]) -> None:
        match self._where:
            case _Where.ARGUMENTS:
                parts.append(CallArguments(self.count - 1, text))
            case _Where.ID:
                self._id += text
                if len(self._id) > LONGEST_ID:
                    self._give_up_id(parts)
                    self._where = _Where.ODD
            case _Where.SECTION:
                self._between(text, parts)
            case _Where.TEXT | _Where.ODD:
                parts.append(Text(text))

    def _between(self, text: str, parts: list[Part]) -> None:
        """Blanks between calls are nothing, words there are text with the blanks around them."""
        self._gap += text
        if self._stray or not self._gap.isspace():
            parts.append(Text(self._gap))
            self._gap, self._stray = "", True

    def _sign(self, sign: str, parts: list[Part]) -> None:
        self._gap, self._stray = "", False
        if sign == ARGUMENTS:
            self._arguments(parts)
        elif self._where is _Where.ODD and sign == CALL_END:
            parts.append(Text(spelled(sign)))
            self._where = _Where.SECTION
        else:
            self._give_up_id(parts)
            self._turn(sign, parts)

    def _turn(self, sign: str, parts: list[Part]) -> None:
        """The signs that begin and end sections and calls, also where one before it was forgotten."""
        if sign == CALL:
            self._where = _Where.ID
        elif sign == SECTION:
            self._where = _Where.SECTION
        elif self._where is _Where.TEXT:
            parts.append(Text(spelled(sign)))  # the end of what never began
        else:
            self._where = _Where.SECTION if sign == CALL_END else _Where.TEXT

    def _arguments(self, parts: list[Part]) -> None:
        if self._where is not _Where.ID:
            parts.append(Text(spelled(ARGUMENTS)))
            return
        found, counter = _ID.fullmatch(self._id), _COUNTER.fullmatch(self._id)
        if found:
            name, number = found[1], int(found[2])
        elif counter and self._only:
            name, number = self._only, int(counter[1])
        else:
            self._give_up_id(parts)
            parts.append(Text(spelled(ARGUMENTS)))
            self._where = _Where.ODD
            return
        if number in self._numbers:  # results are told apart by their call's id
            number = max(self._numbers) + 1
        self._numbers.add(number)
        parts.append(CallBegun(self.count, f"functions.{name}:{number}", name))
        self.count += 1
        self._id, self._where = "", _Where.ARGUMENTS

    def _give_up_id(self, parts: list[Part]) -> None:
        """A call without a readable id is text."""
        if self._where is _Where.ID:
            parts.append(Text(spelled(CALL) + self._id))
            self._id = ""
