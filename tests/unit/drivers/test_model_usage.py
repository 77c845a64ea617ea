"""Tokens and cost are read from every place where servers put them."""

from __future__ import annotations

from typing import Any

import pytest

from clawgroups.group.members import ModelConfig
from clawgroups.runner.drivers.usage import usage_of

CONFIG = ModelConfig(base_url="http://x/v1", model="m", price_in=0.95, price_cached=0.16, price_out=4.0)

SHAPES: dict[str, tuple[dict[str, Any], tuple[int, int, int, int]]] = {
    "OpenAI": (
        {
            "prompt_tokens": 1000,
            "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 600},
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        (1000, 50, 600, 20),
    ),
    "Moonshot, at the top": (
        {"prompt_tokens": 1000, "completion_tokens": 50, "cached_tokens": 512},
        (1000, 50, 512, 0),
    ),
    "Moonshot, in both places": (
        {"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 7, "prompt_tokens_details": {"cached_tokens": 5}},
        (9, 1, 7, 0),
    ),
    "the Responses API": (
        {
            "input_tokens": 100,
            "output_tokens": 10,
            "input_tokens_details": {"cached_tokens": 64},
            "output_tokens_details": {"reasoning_tokens": 4},
        },
        (100, 10, 64, 4),
    ),
    "SGLang": (
        {"prompt_tokens": 8, "completion_tokens": 3, "prompt_tokens_details": None, "reasoning_tokens": 2},
        (8, 3, 0, 2),
    ),
    "Anthropic, whose input leaves the cache out": (
        {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 7},
        (97, 5, 80, 0),
    ),
    "nothing": ({}, (0, 0, 0, 0)),
    "nonsense": (
        {"prompt_tokens": "many", "completion_tokens": -4, "cached_tokens": True, "prompt_tokens_details": [1]},
        (0, 0, 0, 0),
    ),
    "numbers beyond measure": ({"prompt_tokens": 1e300, "completion_tokens": float("inf")}, (10**12, 0, 0, 0)),
    "more from the cache than there was": ({"prompt_tokens": 5, "cached_tokens": 50}, (5, 0, 5, 0)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_usage_is_found_in_the_shape_of(shape: str) -> None:
    given, expected = SHAPES[shape]
    usage = usage_of(given, CONFIG)
    assert (usage.tokens_in, usage.tokens_out, usage.cached, usage.reasoning) == expected


def test_a_turn_costs_what_the_prices_say_and_cached_tokens_cost_less() -> None:
    usage = usage_of({"prompt_tokens": 1_000_000, "completion_tokens": 500_000, "cached_tokens": 400_000}, CONFIG)
    assert usage.cost == pytest.approx(0.6 * 0.95 + 0.4 * 0.16 + 0.5 * 4.0)
