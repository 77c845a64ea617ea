"""Grammars that answers have to follow (JSON schemas, tool arguments), by llguidance.

A grammar is compiled once and copied for each request with the same one, for many agents share their tools' schemas.
The library bounds its own work ("fuel"), so that a hostile schema is refused in seconds at most.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import torch
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from torch import Tensor

from backend.errors import RequestRefused

KEPT = 32
"""Compiled grammars that are kept."""
LEXER_STATES = 50_000
"""Most states of a grammar's lexer, one to two kilobytes each."""


class Grammars:
    """Compiles for one tokenizer. May be asked from any thread."""

    def __init__(self, tokenizer: LLTokenizer) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._compiled: OrderedDict[str, LLMatcher] = OrderedDict()

    def matcher(self, grammar: str) -> LLMatcher:
        """A matcher at the grammar's beginning. Takes up to seconds; raises RequestRefused for one that is no good."""
        with self._lock:
            known = self._compiled.get(grammar)
            if known is not None:
                self._compiled.move_to_end(grammar)
                return known.deep_copy()
        made = LLMatcher(self._tokenizer, grammar, log_level=0, limits=LLParserLimits(max_lexer_states=LEXER_STATES))
        if made.is_error():
            raise RequestRefused(
                f"The schema or grammar {_excerpt(grammar)} cannot be used: {made.get_error()[:500].strip()}",
                "Simplify it, or leave it out.",
            )
        with self._lock:
            self._compiled[grammar] = made
            if len(self._compiled) > KEPT:
                self._compiled.popitem(last=False)
        return made.deep_copy()


def allowed(matchers: Sequence[LLMatcher], vocab_size: int) -> Tensor:
    """Which tokens may come next, bool [matchers, vocab_size]; a row without any where a matcher is at fault."""
    rows = []
    for matcher in matchers:
        packed = b"" if matcher.is_error() else matcher.compute_bitmask()
        if matcher.is_error():  # it ran out of its bounds over this mask, which then allows the end of half an answer
            packed = b""
        row = torch.zeros(vocab_size, dtype=torch.bool)
        if packed:
            words = torch.frombuffer(bytearray(packed), dtype=torch.uint8)
            bits = (words.unsqueeze(1) >> torch.arange(8, dtype=torch.uint8)) & 1
            bits = bits.flatten()[:vocab_size].bool()
            row[: len(bits)] = bits
        rows.append(row)
    return torch.stack(rows)


def _excerpt(grammar: str) -> str:
    return grammar if len(grammar) <= 120 else grammar[:120] + "…"
