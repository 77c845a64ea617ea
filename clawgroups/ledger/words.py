"""Makes words from outside fit every database: PostgreSQL takes no NUL, and no encoder takes a lone surrogate."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

import msgspec

from clawgroups.ledger.faults import BadRow

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_surrogates = re.compile("[\ud800-\udfff]")
_encoder = msgspec.json.Encoder()
LONGEST_KEY = 200
LARGEST = 2**62 - 1  # the sum of two still fits a BIGINT


def clean(text: str) -> str:
    """``text`` without NUL and lone surrogates; each becomes U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", _REPLACEMENT)
    return text if text.isascii() else _surrogates.sub(_REPLACEMENT, text)


def key(text: str) -> str:
    """``text`` as part of an index entry, which PostgreSQL bounds: one that is long or holds NUL gets a digest."""
    text = _surrogates.sub(_REPLACEMENT, text)
    if len(text) <= LONGEST_KEY and "\x00" not in text:
        return text
    return f"{clean(text[:150])}~{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def number(value: int) -> int:
    """``value`` within what an SQL BIGINT holds; a peer's absurd token count must not spoil a commit."""
    return max(-LARGEST, min(LARGEST, value))


def json_text(value: Any) -> str:
    """``value`` (msgspec structs, plain values) as JSON text that every database takes.

    Raises BadRow for a number that JSON has no word for (NaN, infinity): it could be written, but never read again.
    """
    try:
        made = _encoder.encode(value)
    except UnicodeEncodeError:  # a lone surrogate somewhere inside: rare, so only now is everything looked at
        made = _encoder.encode(_cleaned(msgspec.to_builtins(value)))
    if b"null" in made:  # what the encoder writes for such a number; rare, so only now is everything looked at
        _check_numbers(msgspec.to_builtins(value))
    return made.decode()


def _check_numbers(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadRow(f"{value} is no number that can be kept.")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for item in value:
        _check_numbers(item)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _surrogates.sub(_REPLACEMENT, value)
    if isinstance(value, dict):
        return {_cleaned(k): _cleaned(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item) for item in value]
    return value
