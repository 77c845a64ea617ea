"""What the engine refuses at once, and in which words."""

import math

import pytest

from backend.engine.door import check
from backend.engine.limits import Limits
from backend.engine.request import ImageSpan, Request, Sampling
from backend.engine.testing import HashModel
from backend.errors import ContextTooLong, RequestRefused

MODEL = HashModel(context_length=100, page_size=4, page_count=64)
SMALL = HashModel(context_length=100, page_size=4, page_count=10)


def _check(prompt=(1, 2, 3), images=(), model=MODEL, limits=None, grammars=False, **sampling):
    return check(Request("r", tuple(prompt), Sampling(**sampling), tuple(images)), model, limits or Limits(), grammars)


def test_answers_are_as_long_as_asked_for_and_as_fits():
    assert _check() == 97
    assert _check(max_tokens=5) == 5
    assert _check(max_tokens=10_000) == 97
    assert _check(max_tokens=10_000, model=SMALL) == 37
    assert _check([1] * 99) == 1


def test_a_prompt_as_long_as_the_context_is_refused_in_sglangs_words():
    with pytest.raises(ContextTooLong, match=r"The input \(100 tokens\) is longer than the model's context length"):
        _check([1] * 100)


def test_a_prompt_larger_than_the_whole_cache_is_refused_by_saying_so():
    with pytest.raises(RequestRefused, match=r"\(40 tokens\) does not fit in the engine's cache \(40 tokens\)"):
        _check([1] * 40, model=SMALL)


@pytest.mark.parametrize("prompt", [[], [-1], [64], [1, 2, 99999]])
def test_prompts_that_are_none_are_refused(prompt):
    with pytest.raises(RequestRefused, match=r"[Tt]he prompt"):
        _check(prompt)


@pytest.mark.parametrize("spans", [[(0, 4)], [(-1, 2)], [(1, 0)], [(0, 2), (1, 2)]])
def test_images_outside_the_prompt_are_refused(spans):
    images = [ImageSpan(start, length, b"", None, (1, 1)) for start, length in spans]
    with pytest.raises(RequestRefused, match="placeholders"):
        _check(images=images)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_p", 0),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("top_k", -1),
        ("min_p", 2),
        ("frequency_penalty", 3),
        ("presence_penalty", -2.5),
        ("max_tokens", -1),
        ("logprobs", 65),
        ("prompt_logprobs", -1),
    ],
)
def test_numbers_out_of_reach_are_refused_by_name(name, value):
    with pytest.raises(RequestRefused, match=name):
        _check(**{name: value})


def test_a_grammar_needs_a_tokenizer_and_an_end():
    with pytest.raises(RequestRefused, match="without a tokenizer"):
        _check(grammar="x")
    with pytest.raises(RequestRefused, match="11 bytes; 10 are allowed"):
        _check(grammar="x" * 11, grammars=True, limits=Limits(grammar_bytes=10))
    with pytest.raises(RequestRefused, match="12 bytes"):
        _check(grammar="é" * 6, grammars=True, limits=Limits(grammar_bytes=11))
    assert _check(grammar="x" * 11, grammars=True, limits=Limits(grammar_bytes=11)) == 97
