"""Tokens and cost of a turn, from the places where model servers put them. Pure."""

from __future__ import annotations

import math
from typing import Any

from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import Usage

MOST = 10**12  # tokens; more is nonsense that must not spoil a sum


def usage_of(usage: dict[str, Any], config: ModelConfig) -> Usage:
    """From OpenAI's, Moonshot's, SGLang's and Anthropic's fields; ``tokens_in`` includes the cached ones."""
    tokens_in = _count(usage, "prompt_tokens", "input_tokens")
    tokens_out = _count(usage, "completion_tokens", "output_tokens")
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = _count(usage, "cached_tokens") or _count(details, "cached_tokens")
    if "cache_read_input_tokens" in usage and "prompt_tokens" not in usage:  # Anthropic's input leaves the cache out
        cached = _count(usage, "cache_read_input_tokens")
        tokens_in += cached + _count(usage, "cache_creation_input_tokens")
    out_details = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    reasoning = _count(usage, "reasoning_tokens") or _count(out_details, "reasoning_tokens")
    cached = min(cached, tokens_in)
    cost = (tokens_in - cached) * config.price_in + cached * config.price_cached + tokens_out * config.price_out
    return Usage(tokens_in=tokens_in, tokens_out=tokens_out, cached=cached, reasoning=reasoning, cost=cost / 1e6)


def _count(usage: Any, *names: str) -> int:
    for name in names:
        value = usage.get(name) if isinstance(usage, dict) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
            return min(int(value), MOST)
    return 0
