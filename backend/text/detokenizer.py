"""Tokens to text, one at a time: a character whose bytes are in several tokens comes with the last of them."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from backend.text.scanner import Scanner
from backend.text.signs import SPELLED, spelled, without_signs
from backend.text.tokenizer import Tokenizer

_utf8 = codecs.getincrementaldecoder("utf-8")


class Detokenizer:
    """One answer's tokens as text. Control tokens with a meaning become signs, the others are left out.

    With ``shown`` every control token is written out by its name instead, as ``skip_special_tokens: false`` wants it.
    A sign whose token the tokenizer does not have is looked for in the text.
    """

    def __init__(self, tokenizer: Tokenizer, *, shown: bool = False) -> None:
        self._tokenizer = tokenizer
        self._shown = shown
        self._signs: Mapping[int, str] = {} if shown else tokenizer.signs
        self._decoder = _utf8("replace")
        missing = {} if shown else {name: sign for sign, name in SPELLED.items() if tokenizer.control(name) is None}
        self._missing: Mapping[str, str] = missing
        self._scanner = Scanner(list(missing)) if missing else None

    def feed(self, token: int) -> str:
        """The text that is complete with this token."""
        name = self._tokenizer.name(token)
        if name is None:
            return self._seen(without_signs(self._decoder.decode(self._tokenizer.token_bytes(token))))
        return self.finish() + (name if self._shown else self._signs.get(token, ""))

    def finish(self) -> str:
        """What is left: a replacement character for a character that was never completed, and what was held back."""
        broken = self._seen(self._decoder.decode(b"", final=True))  # a control token never ends a character
        self._decoder.reset()
        return broken + (self._scanner.finish() if self._scanner else "")

    def _seen(self, text: str) -> str:
        if self._scanner is None:
            return text
        pieces = []
        while text:
            before, found, text = self._scanner.feed(text)
            pieces += [before, self._missing.get(found, "")]
        return "".join(pieces)


def decoded(tokenizer: Tokenizer, tokens: list[int]) -> str:
    """All tokens at once, control tokens left out unless they have a meaning."""
    detokenizer = Detokenizer(tokenizer)
    return spelled("".join(map(detokenizer.feed, tokens)) + detokenizer.finish())
