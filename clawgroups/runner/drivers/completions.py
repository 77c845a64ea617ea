"""Gathers the chunks of a chat completion into one turn, in every shape that servers really send."""

from __future__ import annotations

import json
import re
from typing import Any

from clawgroups.errors import DriverError
from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import ToolCall, Turn
from clawgroups.runner.drivers.base import OnDelta
from clawgroups.runner.drivers.chunks import Chunk, Delta, Part, decode_chunk
from clawgroups.runner.drivers.refusals import in_stream
from clawgroups.runner.drivers.usage import usage_of

MAX_TEXT = 2 * 1024 * 1024  # characters of one turn; more is not a turn but a fault
MAX_CALLS = 1_000
_UNFIT = re.compile("[\ud800-\udfff\x00]")  # no database and no encoder takes these


class _Call:
    __slots__ = ("id", "name", "pieces")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class Accumulator:
    """One turn in the making. ``feed`` and ``whole`` raise DriverError for nonsense, an error inside, or no end."""

    def __init__(self, config: ModelConfig, on_delta: OnDelta) -> None:
        self._config = config
        self._on_delta = on_delta
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}  # the call that an index means now
        self._room = MAX_TEXT
        self._usage: dict[str, Any] = {}
        self.begun = False  # whether an event came, with words or without
        self.finish = ""
        self.done = False

    @property
    def text(self) -> str:
        """The words so far."""
        return fit("".join(self._text))

    @property
    def empty(self) -> bool:
        """Whether nothing at all has come that a person could have seen."""
        return not self._text and not self._reasoning and not self._calls

    @property
    def complete(self) -> bool:
        """Whether the model has said that it is at its end."""
        return self.done or bool(self.finish)

    def feed(self, data: bytes) -> None:
        """One event's data."""
        self.begun = True
        if data == b"[DONE]":
            self.done = True
        elif data.strip():
            self._take(_decoded(data))

    def whole(self, data: bytes) -> None:
        """A reply that was not streamed."""
        reply = _decoded(data)
        if not reply.choices and reply.error is None:
            shown = data[:200].decode("utf-8", "replace")
            raise DriverError(f"The model server answered without a choice: {shown}", kind="protocol", hint=PROTOCOL)
        self._take(reply)
        self.done = True

    # --- chunks --------------------------------------------------------------------------------------

    def _take(self, chunk: Chunk) -> None:
        if chunk.error is not None:
            raise in_stream(chunk.error, model=self._config.model)
        if chunk.usage is not None:
            self._take_usage(chunk.usage)
        for choice in chunk.choices or ():
            if choice.index:
                continue  # another answer to the same question; nobody asked for it
            delta = choice.delta or choice.message
            if delta is not None:
                self._add(delta)
            if choice.finish_reason:
                self.finish = fit(choice.finish_reason)[:40]
            if choice.usage is not None:
                self._take_usage(choice.usage)

    def _add(self, delta: Delta) -> None:
        if delta.content:
            self._say("text", self._text, delta.content)
        reasoning = delta.reasoning_content or delta.reasoning
        if reasoning:
            self._say("reasoning", self._reasoning, reasoning)
        if delta.tool_calls:
            for part in delta.tool_calls:
                self._call(part)

    def _say(self, kind: Any, pieces: list[str], text: str) -> None:
        self._room -= len(text)
        pieces.append(text)
        if self._room < 0:
            raise DriverError(
                f"The reply is longer than {MAX_TEXT:,} characters; it was stopped there.",
                kind="too_long",
                hint="Set max_tokens for this member.",
            )
        self._on_delta(kind, text if text.isascii() else fit(text))

    def _take_usage(self, usage: dict[str, Any]) -> None:
        self._usage |= {key: value for key, value in usage.items() if value is not None}

    # --- tool calls ----------------------------------------------------------------------------------

    def _call(self, part: Part) -> None:
        function = part.function
        name = (function.name if function else "") or ""
        call = self._call_of(part, name)
        call.id = call.id or part.id or ""
        if name != call.name:  # some servers say it in pieces, some again with every fragment
            call.name += name
        arguments = function.arguments if function else None
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        if arguments:
            self._say("call", call.pieces, arguments)

    def _call_of(self, part: Part, name: str) -> _Call:
        """Which call a fragment belongs to. Some servers leave the index out, some give every call the same one."""
        if part.index is not None:
            known = self._at.get(part.index)
            if known is None or (name and known.id and part.id and part.id != known.id):
                self._at[part.index] = known = self._begin()
            return known
        if part.id:
            return next((call for call in self._calls if call.id == part.id), None) or self._begin()
        last = self._calls[-1] if self._calls else None
        if last is None or (name and last.name and (name != last.name or _is_whole(last.arguments))):
            return self._begin()
        return last

    def _begin(self) -> _Call:
        if len(self._calls) == MAX_CALLS:
            raise DriverError(f"The model asked for more than {MAX_CALLS:,} calls in one turn.", kind="too_long")
        self._calls.append(_Call())
        return self._calls[-1]

    # --- the end -------------------------------------------------------------------------------------

    def turn(self) -> Turn:
        """The finished turn. Raises DriverError when the stream ended before the turn did, or it says nothing."""
        if not self.complete:
            if self.empty:
                raise DriverError(
                    "The model server ended its answer before it said anything.", kind="empty", hint=EMPTY
                )
            raise DriverError(
                "The model server broke off in the middle of the turn.", kind="connection", hint="Its log may say why."
            )
        text, calls = self.text, self._finished_calls()
        if not calls:
            self._check_result(text)
        return Turn(
            content=text,
            reasoning=fit("".join(self._reasoning)),
            calls=calls,
            usage=usage_of(self._usage, self._config),
            finish=self.finish or "stop",
        )

    def _finished_calls(self) -> tuple[ToolCall, ...]:
        return tuple(
            ToolCall(id=fit(call.id) or f"call_{number}", name=fit(call.name), arguments=fit(call.arguments) or "{}")
            for number, call in enumerate(self._calls)
            if call.name or call.pieces
        )

    def _check_result(self, text: str) -> None:
        """A turn without calls ends the task, so half an answer must not pass for one."""
        if self.finish == "length":
            raise DriverError(
                "The model reached its limit of tokens before it was finished (finish_reason length).",
                kind="length",
                hint="Raise max_tokens for this member, or try again: it goes on from what is kept.",
            )
        if not text.strip():
            why = f" (finish_reason {self.finish})" if self.finish else ""
            only = "only reasoning, no answer" if self._reasoning else "nothing at all"
            raise DriverError(f"The model said {only}{why}.", kind="empty", hint=EMPTY)


EMPTY = "Try again; if it goes on, raise max_tokens or look at the model server's log."
PROTOCOL = "Is the address right, and does it speak the OpenAI protocol?"


def _decoded(data: bytes) -> Chunk:
    try:
        return decode_chunk(data)
    except ValueError as error:
        shown = data[:120].decode("utf-8", "replace")
        raise DriverError(
            f"The model server sent what is no JSON object: {shown!r}", kind="protocol", hint=PROTOCOL
        ) from error


def _is_whole(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        return False
    return True


def fit(text: str) -> str:
    """Text that every database and encoder takes: halves of a surrogate pair joined, what is left over replaced."""
    if not _UNFIT.search(text):
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\0", "\N{REPLACEMENT CHARACTER}")
