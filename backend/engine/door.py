"""What a request has to be to be let into the engine, and how long its answer may get."""

from __future__ import annotations

import math

from backend.engine.limits import Limits
from backend.engine.request import Request, Sampling
from backend.engine.runner import Runner
from backend.errors import ContextTooLong, RequestRefused


def check(request: Request, runner: Runner, limits: Limits, grammars: bool) -> int:
    """The most tokens of its answer: those asked for, or as many as fit in the context and in the cache.

    Raises ContextTooLong, or RequestRefused with what is wrong. ``grammars``: whether there is a tokenizer for them.
    """
    _check_prompt(request, runner)
    _check_sampling(request.sampling, runner.vocab_size)
    _check_grammar(request.sampling.grammar, limits, grammars)
    asked = request.sampling.max_tokens
    room = min(runner.context_length, runner.page_count * runner.page_size) - len(request.prompt)
    return room if asked is None else min(asked, room)


def _check_prompt(request: Request, runner: Runner) -> None:
    length, cache = len(request.prompt), runner.page_count * runner.page_size
    if length >= runner.context_length:
        raise ContextTooLong(length, runner.context_length)
    if length >= cache:
        raise RequestRefused(
            f"The input ({length} tokens) does not fit in the engine's cache ({cache} tokens).",
            "Send a shorter conversation, or give the engine more memory for its cache.",
        )
    _need(length > 0, "The prompt is empty.", "Send at least one token.")
    low, high = min(request.prompt), max(request.prompt)
    _need(low >= 0 and high < runner.vocab_size, f"The prompt has a token outside 0 to {runner.vocab_size - 1}.")
    after = 0
    for image in request.images:
        _need(
            after <= image.start and image.length > 0 and image.start + image.length <= length,
            f"An image's {image.length} placeholders from {image.start} on lie outside the prompt or in another image.",
        )
        after = image.start + image.length


def _check_sampling(sampling: Sampling, vocab_size: int) -> None:
    numbers = {
        "temperature": (sampling.temperature, 0.0, math.inf),
        "top_p": (sampling.top_p, 0.0, 1.0),
        "top_k": (sampling.top_k, 0, math.inf),
        "min_p": (sampling.min_p, 0.0, 1.0),
        "frequency_penalty": (sampling.frequency_penalty, -2.0, 2.0),
        "presence_penalty": (sampling.presence_penalty, -2.0, 2.0),
        "max_tokens": (sampling.max_tokens, 0, math.inf),
        "logprobs": (sampling.logprobs, 0, vocab_size),
        "prompt_logprobs": (sampling.prompt_logprobs, 0, vocab_size),
    }
    for name, (value, low, high) in numbers.items():
        if value is not None:
            reach = f"at least {low}" if high == math.inf else f"from {low} to {high}"
            _need(low <= value <= high and math.isfinite(value), f"{name} is {value}: it has to be {reach}.")
    _need(sampling.top_p > 0, "top_p is 0: nothing could be chosen.", "For the most likely token set temperature to 0.")


def _check_grammar(grammar: str | None, limits: Limits, grammars: bool) -> None:
    if grammar is None:
        return
    _need(grammars, "This engine was started without a tokenizer for grammars.", "Ask without a schema.")
    size = len(grammar.encode())
    _need(
        size <= limits.grammar_bytes,
        f"The schema or grammar has {size} bytes; {limits.grammar_bytes} are allowed.",
        "Make it smaller.",
    )


def _need(fine: bool, sentence: str, hint: str = "") -> None:
    if not fine:
        raise RequestRefused(sentence, hint)
