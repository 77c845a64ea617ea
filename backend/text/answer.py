"""Reads one answer token by token: text, stop strings, thoughts and tool calls, in that order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from backend.text.detokenizer import Detokenizer
from backend.text.reasoning import Reasoning
from backend.text.signs import signed, spelled
from backend.text.stops import Stops
from backend.text.tokenizer import Tokenizer
from backend.text.tool_calls import CallArguments, CallBegun, Text, ToolCalls


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


class Answer:
    """One answer in the reading. ``stopped`` is the stop string that ended it; nothing after it is told."""

    def __init__(self, tokenizer: Tokenizer, manner: Manner) -> None:
        self._detokenizer = Detokenizer(tokenizer, shown=manner.shown)
        self._stops = Stops([one if manner.shown else signed(one) for one in manner.stops])
        self._reasoning = Reasoning(manner.thinking) if manner.split else None
        self._calls = None if manner.tools is None else ToolCalls(manner.tools)
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
        parts = self._read(self._stops.feed(self._detokenizer.feed(token)))
        self.thought_tokens += self._reasoning is not None and self._reasoning.inside
        return parts

    def finish(self) -> list[Part]:
        """What is left at the end of the tokens."""
        rest = self._stops.feed(self._detokenizer.finish())
        parts = self._read(rest + self._stops.finish())
        if self._calls is not None:
            parts += self._calls.finish()
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
        return [Text(spelled(one.text)) if isinstance(one, Text) else one for one in self._calls.feed(text)]
