"""Raw prompts in all the forms that they come in: text or tokens, one or several."""

from __future__ import annotations

from collections.abc import Sequence

from backend.api.service import Service
from backend.errors import RequestRefused

MOST_PROMPTS = 128

Given = str | Sequence[int] | Sequence[str] | Sequence[Sequence[int]]


async def prompts_of(service: Service, given: Given) -> list[list[int]]:
    """The prompts' tokens. Raises RequestRefused for none, too many, empty ones, and tokens that do not exist."""
    listed = [given] if isinstance(given, str) or _is_tokens(given) else list(given)
    if not listed or len(listed) > MOST_PROMPTS:
        raise RequestRefused(f"{len(listed)} prompts in one request.", f"Send 1 to {MOST_PROMPTS}.")
    prompts = [await service.encoded(one) if isinstance(one, str) else _tokens(service, one) for one in listed]
    if not all(prompts):
        raise RequestRefused("The prompt is empty.", "Send at least one token.")
    return prompts


def _is_tokens(given: object) -> bool:
    return isinstance(given, list) and bool(given) and isinstance(given[0], int)


def _tokens(service: Service, given: object) -> list[int]:
    size = service.model.vocab_size
    if not isinstance(given, list) or not all(isinstance(one, int) and 0 <= one < size for one in given):
        raise RequestRefused("A prompt has tokens that do not exist.", f"This model has those from 0 to {size - 1}.")
    return list(given)
