"""Decodes the chunks of a streamed chat completion: fast when they look as they should, patiently when not."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Struct


class Function(Struct):
    """What is called, or a fragment of it."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class Part(Struct):
    """A tool call, or a fragment of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(Struct):
    """What a chunk adds. Servers name the reasoning in one of two ways."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Part] | None = None


class Choice(Struct):
    """One answer; only the first (index 0) counts. A reply that is not streamed has ``message``."""

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None


class Chunk(Struct):
    """One event, or a whole reply."""

    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


_fast = msgspec.json.Decoder(Chunk).decode


def decode_chunk(data: bytes) -> Chunk:
    """Raises ValueError for what is not JSON or not an object; oddities inside are read as well as can be."""
    try:
        return _fast(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _patient(data)


def _patient(data: bytes) -> Chunk:
    try:
        # unlike the fast decoder, json takes halves of surrogate pairs, which some servers cut between two chunks
        found = json.loads(data.decode("utf-8", "replace"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("not an object")
    choices = [_choice(choice) for choice in _list(found.get("choices")) if isinstance(choice, dict)]
    return Chunk(choices, _dict(found.get("usage")), found.get("error"))


def _choice(found: dict[str, Any]) -> Choice:
    reason = found.get("finish_reason")
    return Choice(
        index=_int(found.get("index")),
        delta=_delta(found.get("delta")),
        message=_delta(found.get("message")),
        finish_reason=str(reason) if reason else None,
        usage=_dict(found.get("usage")),
    )


def _delta(found: Any) -> Delta | None:
    if not isinstance(found, dict):
        return None
    return Delta(
        content=_text(found.get("content")),
        reasoning_content=_text(found.get("reasoning_content")),
        reasoning=_text(found.get("reasoning")),
        tool_calls=[_part(part) for part in _list(found.get("tool_calls")) if isinstance(part, dict)],
    )


def _part(found: dict[str, Any]) -> Part:
    inner = found.get("function")
    function = inner if isinstance(inner, dict) else found  # some put the name and arguments beside the id
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, (str, dict)):
        arguments = json.dumps(arguments)
    return Part(_int(found.get("index")), _text(found.get("id")), Function(_text(function.get("name")), arguments))


def _text(value: Any) -> str | None:
    """Text, also from a list of content parts or a plain value."""
    if isinstance(value, list):
        return "".join(str(part.get("text") or "") for part in value if isinstance(part, dict))
    if value is None or isinstance(value, (dict, bool)):
        return None
    return str(value)


def _int(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
