"""Log-probabilities in the three forms that clients know: OpenAI's of chats and of texts, and SGLang's own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from backend.engine.request import Token
from backend.text.tokenizer import Tokenizer

LEAST = -9999.0
"""JSON has no minus infinity; this is what OpenAI documents for what is all but impossible."""


def shown(tokenizer: Tokenizer, token: int) -> str:
    """A token as text; parts of a character as replacement characters."""
    return tokenizer.token_bytes(token).decode("utf-8", "replace")


def finite(logprob: float | None) -> float | None:
    """A number that JSON can hold."""
    if logprob is None:
        return None
    return logprob if math.isfinite(logprob) else LEAST


def chat_logprobs(tokenizer: Tokenizer, tokens: Iterable[Token], top: int) -> dict[str, Any]:
    """``choices[].logprobs`` of chat completions."""
    content = []
    for token in tokens:
        best = [_one(tokenizer, number, logprob) for number, logprob in token.top[:top]]
        content.append(_one(tokenizer, token.id, token.logprob) | {"top_logprobs": best})
    return {"content": content, "refusal": None}


def _one(tokenizer: Tokenizer, token: int, logprob: float | None) -> dict[str, Any]:
    return {
        "token": shown(tokenizer, token),
        "bytes": list(tokenizer.token_bytes(token)),
        "logprob": finite(logprob),
    }


def text_logprobs(tokenizer: Tokenizer, tokens: Sequence[Token], top: int, offset: int) -> dict[str, Any]:
    """``choices[].logprobs`` of text completions; ``offset`` is where the first token begins, in characters."""
    offsets, names = [], []
    for token in tokens:
        offsets.append(offset)
        names.append(shown(tokenizer, token.id))
        offset += len(names[-1])
    best = [
        {shown(tokenizer, number): finite(logprob) for number, logprob in token.top[:top]} if token.top else None
        for token in tokens
    ]
    return {
        "tokens": names,
        "token_logprobs": [finite(token.logprob) for token in tokens],
        "top_logprobs": best if top else None,
        "text_offset": offsets,
    }


def sglang_logprobs(tokenizer: Tokenizer, tokens: Iterable[Token], *, texts: bool) -> list[list[Any]]:
    """``[[logprob, id, text or null], …]`` as in ``meta_info`` of ``/generate``."""
    return [[finite(one.logprob), one.id, shown(tokenizer, one.id) if texts else None] for one in tokens]


def sglang_top(tokenizer: Tokenizer, tokens: Iterable[Token], top: int, *, texts: bool) -> list[Any]:
    """The same of the most likely tokens at each place; null where there are none."""
    return [
        [[finite(lp), number, shown(tokenizer, number) if texts else None] for number, lp in one.top[:top]] or None
        for one in tokens
    ]
