"""Answers that have to follow a grammar follow it; a grammar that is no good is refused."""

import contextlib
import json
import threading

import pytest
import torch
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from backend.engine import grammar as grammar_module
from backend.engine import sampler
from backend.engine.chooser import Chooser
from backend.engine.grammar import Grammars, allowed
from backend.engine.request import Sampling
from backend.errors import RequestRefused

END = 256


class Bytes:
    """A tokenizer whose tokens are bytes, and one that ends."""

    eos_token_id = END
    bos_token_id = None
    tokens = (*(bytes([n]) for n in range(256)), b"<|end|>")
    special_token_ids = (END,)

    def __call__(self, text):
        return list(text)


def tokenizer():
    return LLTokenizer(TokenizerWrapper(Bytes()))


def _schema(schema):
    return LLMatcher.grammar_from_json_schema(schema)


OBJECT = {
    "type": "object",
    "properties": {"name": {"enum": ["ab", "cd"]}, "n": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["name", "n"],
    "additionalProperties": False,
}


def _write(grammars, grammar, seed, vocab=300):
    """What a model that knows nothing writes under ``grammar``."""
    chooser = Chooser(Sampling(seed=seed, grammar=grammar), grammars.matcher(grammar))
    written = bytearray()
    for _ in range(200):
        (token,) = sampler.choose(torch.zeros(1, vocab), [chooser])
        assert not chooser.fault
        complete = chooser.accept(token.id)
        if token.id == END:
            assert complete
            return bytes(written)
        written.append(token.id)
    raise AssertionError(bytes(written))


def test_whatever_the_model_says_it_says_it_by_the_schema():
    grammars = Grammars(tokenizer())
    for seed in range(5):
        said = json.loads(_write(grammars, _schema(OBJECT | {"x-guidance": {"whitespace_flexible": False}}), seed))
        assert said["name"] in {"ab", "cd"}
        assert 0 <= said["n"] <= 99


def test_rows_with_and_without_a_grammar_share_a_batch():
    grammars = Grammars(tokenizer())
    bound = Chooser(Sampling(temperature=0), grammars.matcher(_schema(OBJECT)))
    logits = torch.zeros(2, 300)
    logits[:, 299] = 5
    tokens = sampler.choose(logits, [Chooser(Sampling(temperature=0)), bound])
    assert [token.id for token in tokens] == [299, ord("{")]


def test_tokens_beyond_the_tokenizers_are_never_allowed():
    mask = allowed([Grammars(tokenizer()).matcher(_schema({}))], 300)
    assert mask.shape == (1, 300)
    assert not mask[0, 257:].any()
    assert mask[0, ord("{")]


@pytest.mark.parametrize(
    "grammar",
    [_schema({"type": "frob"}), "start: /[/", "", "{}", _schema({"$ref": "#/nowhere"}), "[" * 100_000],
)
def test_a_grammar_that_is_no_good_is_refused_by_what_it_says(grammar):
    with pytest.raises(RequestRefused) as refused:
        Grammars(tokenizer()).matcher(grammar)
    assert grammar[:100] in refused.value.sentence
    assert len(refused.value.sentence) < 1000


@pytest.mark.timeout(60)
def test_a_hostile_schema_comes_to_an_end():
    """What is held is that it ends: refused, given up, or followed for as long as anybody looks."""
    properties = {
        f"p{n}": {"type": "string", "pattern": "(a|b|c)*[a-z]{0,500}x.{0,300}y" + "z?" * n} for n in range(500)
    }
    followed = 0
    with contextlib.suppress(RequestRefused):  # one of the ends that it may come to
        chooser = Chooser(Sampling(temperature=0), Grammars(tokenizer()).matcher(_schema({"properties": properties})))
        for _ in range(50):
            (token,) = sampler.choose(torch.arange(300.0).unsqueeze(0), [chooser])
            followed += 1
            if chooser.fault or chooser.accept(token.id):
                break
    assert followed <= 50


def test_a_compiled_grammar_is_copied_not_shared():
    grammars = Grammars(tokenizer())
    first, second = grammars.matcher(_schema(OBJECT)), grammars.matcher(_schema(OBJECT))
    assert first.consume_token(ord("{"))
    assert allowed([second], 257)[0, ord("{")]
    assert not allowed([first], 257)[0, ord("{")]


def test_matchers_made_on_one_thread_are_used_on_another():
    made = []
    thread = threading.Thread(target=lambda: made.append(Grammars(tokenizer()).matcher(_schema(OBJECT))))
    thread.start()
    thread.join()
    assert allowed(made, 257)[0, ord("{")]
    assert made[0].consume_token(ord("{"))


def test_a_token_against_the_grammar_is_a_fault():
    chooser = Chooser(Sampling(), Grammars(tokenizer()).matcher(_schema(OBJECT)))
    assert chooser.accept(ord("x"))
    assert "grammar" in chooser.fault


@pytest.mark.parametrize("seed", range(4))
def test_a_grammar_that_grows_too_large_on_the_way_is_a_fault_and_not_the_end_of_the_answer(seed, monkeypatch):
    monkeypatch.setattr(grammar_module, "LEXER_STATES", 200)
    made = Grammars(tokenizer()).matcher(LLMatcher.grammar_from_regex("(a|b)*a(a|b){12}c"))
    chooser, dice = Chooser(Sampling(temperature=0), made), torch.Generator().manual_seed(seed)
    for _ in range(300):
        logits = torch.full((1, 300), -9.0)
        logits[0, [ord("a"), ord("b")]] = torch.rand(2, generator=dice)
        (token,) = sampler.choose(logits, [chooser])
        if chooser.fault:
            break
        assert not chooser.accept(token.id), "half an answer is taken for a whole one"
    assert "too many states" in chooser.fault
    assert "\n" not in chooser.fault


def test_the_grammars_that_were_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(grammar_module, "KEPT", 2)
    grammars = Grammars(tokenizer())
    one, two, three = (LLMatcher.grammar_from_regex(text) for text in ("a+", "b+", "c+"))
    for grammar in (one, two, one, three):
        grammars.matcher(grammar)
    assert list(grammars._compiled) == [one, three]
