"""What a model server for tests answers: pieces of a reply, and how they look on the wire.

The chunks have the fields that SGLang sends, so that reading them costs what reading the real thing costs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from msgspec import Struct

CREATED = 1_760_000_000
_WORD = re.compile(r"\s*\S+|\s+\Z")


class Text(Struct, frozen=True):
    """Words, one chunk each. ``rate`` in words a second (0: all at once); ``forever`` says them again and again."""

    text: str
    rate: float = 0.0
    field: str = "content"
    forever: bool = False


def reasoning(text: str, rate: float = 0.0, field: str = "reasoning_content") -> Text:
    """Words of the model's reasoning."""
    return Text(text, rate, field)


class Call(Struct, frozen=True):
    """A tool call, its arguments cut into ``cuts`` fragments. ``arguments`` may be no JSON at all."""

    name: str
    arguments: str | dict[str, Any] = "{}"
    id: str = ""
    cuts: int = 3

    @property
    def written(self) -> str:
        """The arguments as text."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


class Chunk(Struct, frozen=True):
    """One event with this JSON, or this text, as its data."""

    data: Any


class Raw(Struct, frozen=True):
    """Bytes of the body exactly as they are, in one write."""

    data: bytes


class Pause(Struct, frozen=True):
    """Silence."""

    seconds: float


class Cut(Struct, frozen=True):
    """The connection breaks off here."""


class Spent(Struct, frozen=True):
    """A usage chunk in place of the usual one."""

    usage: dict[str, Any]


class Finish(Struct, frozen=True):
    """The last choice, in place of the usual one."""

    reason: str


Piece: TypeAlias = Text | Call | Chunk | Raw | Pause | Cut | Spent | Finish


class Reply(Struct, frozen=True):
    """One answer: a stream of pieces, or with ``body`` a plain one.

    ``wait`` seconds pass before even the status is sent. Without ``end`` only the pieces are sent: no finish,
    no usage, no ``[DONE]``.
    """

    pieces: tuple[Piece, ...] = ()
    status: int = 200
    headers: dict[str, str] = {}
    body: bytes | None = None
    wait: float = 0.0
    end: bool = True


def says(*pieces: Piece | str, **options: Any) -> Reply:
    """A stream of these pieces; a plain string is text at once."""
    return Reply(tuple(Text(piece) if isinstance(piece, str) else piece for piece in pieces), **options)


def refuses(status: int, message: str, headers: Mapping[str, str] = {}, **fields: Any) -> Reply:
    """An error as OpenAI-compatible servers word it."""
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": status, **fields}})
    return Reply(status=status, headers={"Content-Type": "application/json", **headers}, body=body.encode())


# --- on the wire -----------------------------------------------------------------------------------------


def words(text: str) -> list[str]:
    """The text in pieces of about a token."""
    return _WORD.findall(text)


def event(data: Any) -> bytes:
    """One server-sent event."""
    written = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return b"data: " + written.encode("utf-8", "surrogatepass") + b"\n\n"


def chunk(model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One chunk with one choice."""
    full = {"role": None, "content": None, "reasoning_content": None, "tool_calls": None, **delta}
    choice = {"index": 0, "delta": full, "logprobs": None, "finish_reason": finish, "matched_stop": None}
    return {
        "id": "7f6f0b1c9d3e4a58b2c4d6e8f0a1b2c3",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": [choice],
        "usage": None,
    }


@lru_cache(65_536)
def word_event(model: str, field: str, word: str) -> bytes:
    """One word as an event, made once."""
    return event(chunk(model, {field: word}))


def call_events(model: str, call: Call, index: int, call_id: str) -> Iterator[bytes]:
    """A tool call: its name first, then its arguments in fragments."""
    text, cuts = call.written, max(1, call.cuts)
    size = max(1, -(-len(text) // cuts))
    head = {"index": index, "id": call_id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    yield event(chunk(model, {"tool_calls": [head]}))
    for start in range(0, len(text), size):
        part = {"index": index, "function": {"arguments": text[start : start + size]}}
        yield event(chunk(model, {"tool_calls": [part]}))


def usage_of(body: dict[str, Any], said: int) -> dict[str, Any]:
    """A plausible count: four characters a token in, one a word out; all but the last message came from the cache."""
    sizes = [len(str(message.get("content") or "")) // 4 + 4 for message in body.get("messages") or [{}]]
    cached = sum(sizes[:-1])
    return {
        "prompt_tokens": sum(sizes),
        "completion_tokens": said,
        "total_tokens": sum(sizes) + said,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def whole(model: str, reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    """The reply as one JSON object, for a request that asked for no stream."""
    texts = [piece for piece in reply.pieces if isinstance(piece, Text)]
    calls = [piece for piece in reply.pieces if isinstance(piece, Call)]
    message: dict[str, Any] = {"role": "assistant", "content": None, "reasoning_content": None}
    for piece in texts:
        message[piece.field] = (message.get(piece.field) or "") + piece.text
    if calls:
        message["tool_calls"] = [
            {"id": c.id or f"call_{i}", "type": "function", "function": {"name": c.name, "arguments": c.written}}
            for i, c in enumerate(calls)
        ]
    said = sum(len(words(piece.text)) for piece in texts)
    spent = next((piece.usage for piece in reply.pieces if isinstance(piece, Spent)), usage_of(body, said))
    reason = "tool_calls" if calls else "stop"
    finish = next((piece.reason for piece in reply.pieces if isinstance(piece, Finish)), reason)
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [choice],
        "usage": spent,
    }
