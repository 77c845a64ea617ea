"""Gathers the chunks of a streamed chat completion into one turn, in every shape that servers really send."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from clawgroups.errors import DriverError
from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import ToolCall, Turn, Usage
from clawgroups.runner.drivers.base import OnDelta

MAX_TEXT = 2 * 1024 * 1024  # characters of one turn; more is not a turn but a fault
_decode = msgspec.json.Decoder().decode


class _Call:
    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments = ""


class Accumulator:
    """One turn in the making."""

    def __init__(self, on_delta: OnDelta) -> None:
        self._on_delta = on_delta
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._size = 0
        self._usage: dict[str, Any] = {}
        self.finish = ""
        self.done = False

    @property
    def text(self) -> str:
        """The words so far."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return "".join(self._reasoning)

    @property
    def empty(self) -> bool:
        """Whether nothing at all has come."""
        return not self._text and not self._reasoning and not self._calls

    def feed(self, data: bytes) -> None:
        """One event's data. Raises DriverError for an error in the stream, nonsense, or a reply without end."""
        if data == b"[DONE]":
            self.done = True
            return
        try:
            chunk = _decode(data)
        except msgspec.DecodeError as error:
            shown = data[:120].decode("utf-8", "replace")
            raise DriverError(
                f"The model server sent a line that is not JSON: {shown!r}",
                kind="protocol",
                hint="Is the address right, and does it speak the OpenAI protocol?",
                partial=self.text,
            ) from error
        if not isinstance(chunk, dict):
            raise DriverError("The model server sent something that is not a chunk.", kind="protocol")
        self._chunk(chunk)

    def whole(self, reply: dict[str, Any]) -> None:
        """A reply that was not streamed."""
        for choice in reply.get("choices") or []:
            message = choice.get("message") or {}
            self._delta(message)
            self.finish = choice.get("finish_reason") or self.finish
        self._take_usage(reply.get("usage"))
        self.done = True

    def _chunk(self, chunk: dict[str, Any]) -> None:
        if chunk.get("error"):
            raise DriverError(f"The model server reports: {words_of(chunk['error'])}", kind="failed", partial=self.text)
        self._take_usage(chunk.get("usage"))
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta")
            if delta:
                self._delta(delta)
            if choice.get("finish_reason"):
                self.finish = str(choice["finish_reason"])
            self._take_usage(choice.get("usage"))

    def _delta(self, delta: dict[str, Any]) -> None:
        text = delta.get("content")
        if text and isinstance(text, str):
            self._text.append(self._grow(text))
            self._on_delta("text", text)
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning and isinstance(reasoning, str):
            self._reasoning.append(self._grow(reasoning))
            self._on_delta("reasoning", reasoning)
        for position, part in enumerate(delta.get("tool_calls") or ()):
            self._call(part, position)

    def _grow(self, text: str) -> str:
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise DriverError(
                f"The reply is longer than {MAX_TEXT:,} characters; it was cut off.",
                kind="too_long",
                hint="Set max_tokens for this member.",
                partial=self.text[:100_000],
            )
        return text

    def _call(self, part: dict[str, Any], position: int) -> None:
        function = part.get("function") or {}
        index = part.get("index")
        if not isinstance(index, int):
            index = self._index_of(part, position)
        call = self._calls.setdefault(index, _Call())
        call.id = call.id or str(part.get("id") or "")
        name = function.get("name")
        if name and name != call.name:
            call.name += str(name)
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        if arguments:
            call.arguments += self._grow(str(arguments))
            self._on_delta("call", str(arguments))

    def _index_of(self, part: dict[str, Any], position: int) -> int:
        """Servers that leave the index out send whole calls, one an id, or pieces of the last one."""
        call_id = part.get("id")
        if call_id:
            known = next((i for i, call in self._calls.items() if call.id == call_id), None)
            return known if known is not None else len(self._calls)
        return max(self._calls, default=position)

    def _take_usage(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self._usage |= {key: value for key, value in usage.items() if value is not None}

    def turn(self, config: ModelConfig) -> Turn:
        """The finished turn. Raises DriverError when the stream ended before the turn did."""
        if self.empty:
            raise DriverError(
                "The model answered nothing at all.", kind="empty", hint="Try again, or raise max_tokens."
            )
        if not self.finish and not self.done:
            raise DriverError("The stream broke off in the middle of the turn.", kind="connection", partial=self.text)
        calls = tuple(
            ToolCall(id=call.id or f"call_{index}", name=call.name, arguments=call.arguments or "{}")
            for index, call in sorted(self._calls.items())
            if call.name
        )
        return Turn(
            content=_clean(self.text),
            reasoning=_clean(self.reasoning),
            calls=calls,
            usage=usage_of(self._usage, config),
            finish=self.finish or "stop",
        )


def usage_of(usage: dict[str, Any], config: ModelConfig) -> Usage:
    """Tokens and cost, from the places where OpenAI, Moonshot, SGLang and Anthropic-like servers put them."""
    tokens_in = _count(usage, "prompt_tokens", "input_tokens")
    tokens_out = _count(usage, "completion_tokens", "output_tokens")
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    cached = _count(usage, "cached_tokens") or _count(details, "cached_tokens")
    if "cache_read_input_tokens" in usage:  # Anthropic's input_tokens leave the cache out
        cached = _count(usage, "cache_read_input_tokens")
        tokens_in += cached + _count(usage, "cache_creation_input_tokens")
    out_details = usage.get("completion_tokens_details") or {}
    reasoning = _count(usage, "reasoning_tokens") or _count(out_details, "reasoning_tokens")
    fresh = max(0, tokens_in - cached)
    cost = (fresh * config.price_in + cached * config.price_cached + tokens_out * config.price_out) / 1e6
    return Usage(tokens_in=tokens_in, tokens_out=tokens_out, cached=cached, reasoning=reasoning, cost=cost)


def _count(usage: Any, *names: str) -> int:
    for name in names:
        value = usage.get(name) if isinstance(usage, dict) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return int(value)
    return 0


def words_of(error: Any) -> str:
    """The sentence inside an error of any shape."""
    if isinstance(error, dict):
        inner = error.get("message") or error.get("detail") or error.get("error") or error
        return words_of(inner) if isinstance(inner, dict) and inner is not error else str(inner)[:500]
    return str(error)[:500]


def _clean(text: str) -> str:
    """Without lone surrogates, which no database takes."""
    return text.encode("utf-8", "replace").decode()
