"""Reads one answer token by token: text, stop strings, thoughts and tool calls, in that order.

Stop strings hold in words and not inside a tool call, which would be broken by them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from backend.text.detokenizer import Detokenizer
from backend.text.reasoning import Reasoning
from backend.text.signs import CALL, CALL_END, SECTION, SECTION_END, signed, spelled
from backend.text.stops import Stops
from backend.text.tokenizer import Tokenizer
from backend.text.tool_calls import CallArguments, CallBegun, Text, ToolCalls

_TURNS = re.compile(f"([{SECTION}{SECTION_END}{CALL}{CALL_END}])")


@dataclass(frozen=True, slots=True)
class Thought:
    """Words that the model thinks and does not say."""

    text: str


Part = Text | Thought | CallBegun | CallArguments


@dataclass(frozen=True, slots=True)
class Manner:
    """How an answer is to be read."""

    thinking: bool = False
    """Whether it begins inside the thoughts."""
    split: bool = True
    """Whether thoughts are told apart; else they are text."""
    tools: Collection[str] | None = None
    """Names of the tools on offer; None: calls are text."""
    stops: Sequence[str] = ()
    shown: bool = False
    """Whether control tokens are written out."""
    single: bool = False
    """Whether it is over where a second tool call begins."""


class Answer:
    """One answer in the reading. ``stopped`` is the stop string that ended it; nothing after it is told.

    ``over``: a second tool call began where only one is wanted; nothing of it is told.
    """

    def __init__(self, tokenizer: Tokenizer, manner: Manner) -> None:
        self._detokenizer = Detokenizer(tokenizer, shown=manner.shown)
        self._stops = Stops([one if manner.shown else signed(one) for one in manner.stops])
        self._reasoning = Reasoning(manner.thinking) if manner.split else None
        self._calls = None if manner.tools is None else ToolCalls(manner.tools)
        self._single = manner.single
        self.over = False
        self.thought_tokens = 0

    @property
    def stopped(self) -> str:
        return spelled(self._stops.found)

    @property
    def called(self) -> bool:
        """Whether there was a tool call."""
        return self._calls is not None and self._calls.count > 0

    def feed(self, token: int) -> list[Part]:
        """What is complete with this token."""
        parts = self._stopped(self._detokenizer.feed(token))
        self.thought_tokens += self._reasoning is not None and self._reasoning.inside
        return parts

    def finish(self) -> list[Part]:
        """What is left at the end of the tokens."""
        parts = self._stopped(self._detokenizer.finish())
        parts += self._read(self._stops.finish())
        if self._calls is not None:
            parts += self._calls.finish()
        return parts

    def _stopped(self, text: str) -> list[Part]:
        """What is told of the text, up to a stop string among its words."""
        if self._calls is None:
            return self._read(self._stops.feed(text))
        parts: list[Part] = []
        for piece in _TURNS.split(text):
            call = self._calls.inside and self._stops.idle and not _TURNS.fullmatch(piece)
            parts += self._read(piece if call else self._stops.feed(piece))
        return parts

    def _read(self, text: str) -> list[Part]:
        if not text:
            return []
        if self._reasoning is None:
            return self._told(text)
        parts: list[Part] = []
        for thought, piece in self._reasoning.feed(text):
            if thought:
                parts.append(Thought(spelled(piece)))
            else:
                parts += self._told(piece)
        return parts

    def _told(self, text: str) -> list[Part]:
        if self._calls is None:
            return [Text(spelled(text))]
        parts: list[Part] = []
        for one in self._calls.feed(text):
            self.over = self.over or (self._single and isinstance(one, CallBegun) and one.index > 0)
            if self.over:
                break
            parts.append(Text(spelled(one.text)) if isinstance(one, Text) else one)
        return parts
