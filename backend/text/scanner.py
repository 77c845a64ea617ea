"""Finds words in a stream of text, whatever the pieces are that it comes in, and holds back no more than it must."""

from __future__ import annotations

from collections.abc import Sequence


class _Word:
    """One word and how far it has matched (Knuth, Morris and Pratt)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.matched = 0
        self._back = [0] * len(text)
        length = 0
        for at in range(1, len(text)):
            while length and text[at] != text[length]:
                length = self._back[length - 1]
            length += text[at] == text[length]
            self._back[at] = length

    def step(self, character: str) -> bool:
        """Whether the word ends with this character."""
        while self.matched and character != self.text[self.matched]:
            self.matched = self._back[self.matched - 1]
        self.matched += character == self.text[self.matched]
        return self.matched == len(self.text)


class Scanner:
    """Looks for any of ``words``, none of them empty. Of two that end together the longer one is found."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = [_Word(word) for word in words]
        self._first = {word[0] for word in words}
        self._held = ""

    @property
    def holding(self) -> bool:
        """Whether text is held back."""
        return bool(self._held)

    def feed(self, text: str) -> tuple[str, str, str]:
        """What is surely before any word, the word found ("" if none) and what of ``text`` came after it.

        Text that may be the beginning of a word is held back. After a word the scanner starts anew.
        """
        if not self._held and self._first.isdisjoint(text):
            return text, "", ""
        for at, character in enumerate(text):
            ended = [word.text for word in self._words if word.step(character)]
            if ended:
                found = max(ended, key=len)
                before = (self._held + text[: at + 1])[: -len(found)]
                self._restart()
                return before, found, text[at + 1 :]
        whole = self._held + text
        keep = max(word.matched for word in self._words)
        self._held = whole[len(whole) - keep :]
        return whole[: len(whole) - keep], "", ""

    def finish(self) -> str:
        """What was held back, now that nothing more comes."""
        held = self._held
        self._restart()
        return held

    def _restart(self) -> None:
        self._held = ""
        for word in self._words:
            word.matched = 0
