"""Splits an answer into what the model thinks and what it says (the ``kimi_k2`` way of SGLang).

The prompt ends with ``<think>`` unless thinking is off, so an answer begins inside the thoughts. ``</think>`` ends
them, and so does a section of tool calls. Nothing is trimmed: the words go back into the next prompt as they were.
"""

from __future__ import annotations

import re

from backend.text.signs import SECTION, THINK, THINK_END, spelled

_MARKS = re.compile(f"([{THINK}{THINK_END}{SECTION}])")


class Reasoning:
    """Reads text with signs. ``thinking`` says whether the answer begins inside the thoughts."""

    def __init__(self, thinking: bool) -> None:
        self.inside = thinking
        self._begun = False

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Pieces of the text, each with whether it is thought; a section's sign stays, in front of its section."""
        pieces: list[tuple[bool, str]] = []
        for part in _MARKS.split(text):
            if part:
                self._take(part, pieces)
        return pieces

    def _take(self, part: str, pieces: list[tuple[bool, str]]) -> None:
        begun, self._begun = self._begun, True
        if part == THINK and not begun:
            self.inside = True  # only what begins with a thought is one
        elif part == THINK_END and (self.inside or not begun):
            self.inside = False
        else:
            if part == SECTION:
                self.inside = False
            pieces.append((self.inside, spelled(part) if part in (THINK, THINK_END) else part))
