"""One answer of the engine, told in parts: what comes out of its tokens, and how it ended."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from backend.api.asked import Asked
from backend.api.faults import GenerationFailed
from backend.engine.request import Event, Finish, Prefilled, Token
from backend.errors import RequestRefused
from backend.text.answer import Answer, Part
from backend.text.tokenizer import Tokenizer

Ending = Literal["stop", "length", "tool_calls", "abort", "error"]


class Stream(Protocol):
    """The engine's answer to one request."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    def cancel(self) -> None:
        """Ends it. May be called again, and after the end."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """Parts that became complete, with the tokens since the last ones."""

    parts: list[Part]
    tokens: list[Token]


@dataclass(frozen=True, slots=True)
class Ended:
    """The last of an answer. ``matched`` is what ended it: a stop string, a token's id, or nothing."""

    ending: Ending
    matched: str | int | None = None
    error: str = ""
    refused: RequestRefused | None = None
    """The engine would not take it after all."""

    @property
    def fault(self) -> RequestRefused | None:
        """What to raise instead of an answer."""
        if self.refused is not None or self.ending != "error":
            return self.refused
        return GenerationFailed(self.error or "The engine gave no reason.", "Try again; its log may say more.")


@dataclass(slots=True)
class Choice:
    """Answer ``index`` of a request. Its figures are right once it has ended."""

    index: int
    stream: Stream
    answer: Answer
    stop_ids: frozenset[int]
    begun: float = field(default_factory=time.monotonic)
    prefilled: Prefilled | None = None
    output: list[Token] = field(default_factory=list)
    cut: bool = False
    """Whether a stop string or a second call ended it before the engine would have."""

    @property
    def cached_tokens(self) -> int:
        return self.prefilled.cached_tokens if self.prefilled else 0

    async def told(self) -> AsyncIterator[Prefilled | Told | Ended]:
        """What comes, in its order; at last an ``Ended``. Leaving early cancels the request."""
        waiting: list[Token] = []
        try:
            async for event in self._events():
                match event:
                    case Prefilled():
                        self.prefilled = event
                        yield event
                    case Token():
                        waiting.append(event)
                        parts = self._token(event)
                        if parts:
                            yield Told(parts, waiting)
                            waiting = []
                        if self.answer.stopped or self.answer.over:
                            break
                    case Ended():
                        yield event
                        return
                    case Finish():
                        rest = self.answer.finish()
                        if rest or waiting:
                            yield Told(rest, waiting)
                        yield self._ended(event)
                        return
            if not self.answer.stopped and not self.answer.over:
                yield Ended("error", error="The engine broke off.")
                return
            await self._cut()
            yield Ended("tool_calls") if self.answer.over else Ended("stop", self.answer.stopped)
        finally:
            self.stream.cancel()

    async def _cut(self) -> None:
        """Ends the request at a stop string or a second call, which to the engine looks as if the client had gone."""
        self.stream.cancel()
        async for event in self.stream:
            self.cut = isinstance(event, Finish) and event.reason == "abort"

    async def _events(self) -> AsyncIterator[Event | Ended]:
        try:
            async for event in self.stream:
                yield event
        except RequestRefused as refused:  # a grammar is looked at again by the engine, when headers may be out
            yield Ended("error", error=str(refused), refused=refused)

    def _token(self, token: Token) -> list[Part]:
        self.output.append(token)
        return [] if token.id in self.stop_ids else self.answer.feed(token.id)

    def _ended(self, finish: Finish) -> Ended:
        if finish.reason in ("abort", "error"):
            return Ended(finish.reason, error=finish.error)
        if self.answer.stopped:
            return Ended("stop", self.answer.stopped)
        last = self.output[-1].id if self.output else -1
        if finish.reason == "length":
            return Ended("length")
        return Ended("tool_calls" if self.answer.called else "stop", last if last in self.stop_ids else None)


def choice_of(index: int, stream: Stream, asked: Asked, tokenizer: Tokenizer) -> Choice:
    """The reading of the stream that the engine gave for one of ``asked``'s requests."""
    return Choice(index, stream, Answer(tokenizer, asked.manner), asked.sampling.stop_ids)
