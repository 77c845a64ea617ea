"""Tokens are chosen by each request's own rules and dice, whoever else is in the batch."""

import math
from collections import Counter
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.engine import sampler
from backend.engine.chooser import Chooser
from backend.engine.request import Sampling

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0, -2.0]])


def _frequencies(logits, count=4000, **sampling):
    chooser = Chooser(Sampling(seed=7, **sampling))
    rows = logits.expand(50, -1)
    drawn: Counter[int] = Counter()
    for _ in range(count // 50):
        drawn.update(token.id for token in sampler.choose(rows, [chooser] * 50))
    return [drawn[token] / count for token in range(logits.shape[1])]


def _assert_like(frequencies, shares):
    for seen, share in zip(frequencies, shares, strict=True):
        assert seen == pytest.approx(share, abs=0.03)
        assert (seen > 0) == (share > 0)


def test_greedy_takes_the_most_likely():
    assert [token.id for token in sampler.choose(LOGITS, [Chooser(Sampling(temperature=0))])] == [0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_their_probability_says(temperature):
    shares = torch.softmax(LOGITS[0] / temperature, 0).tolist()
    _assert_like(_frequencies(LOGITS, temperature=temperature), [share if share > 1e-3 else 0 for share in shares])


def _limited(sampling):
    """The definition, as plainly as it can be written."""
    shares = torch.softmax(LOGITS[0].double() / sampling.temperature, 0).tolist()
    order = sorted(range(len(shares)), key=lambda token: -shares[token])
    kept, mass = [], 0.0
    for rank, token in enumerate(order):
        fits = (not sampling.top_k or rank < sampling.top_k) and mass < sampling.top_p
        if fits and shares[token] >= sampling.min_p * shares[order[0]]:
            kept.append(token)
        mass += shares[token]
    total = sum(shares[token] for token in kept)
    return [shares[token] / total if token in kept else 0.0 for token in range(len(shares))]


@pytest.mark.parametrize(
    "rules",
    [
        {"top_k": 2},
        {"top_k": 3},
        {"top_p": 0.7},
        {"top_p": 0.93},
        {"min_p": 0.2},
        {"top_k": 3, "top_p": 0.95, "min_p": 0.2},
        {"top_p": 1e-9},
    ],
    ids=str,
)
@pytest.mark.parametrize("candidates", [1024, 2])
def test_limits_cut_off_the_unlikely(rules, candidates, monkeypatch):
    monkeypatch.setattr(sampler, "CANDIDATES", candidates)
    _assert_like(_frequencies(LOGITS, **rules), _limited(Sampling(**rules)))


@pytest.mark.parametrize(
    ("rules", "kept"),
    [({"top_p": 0.5}, 2), ({"top_k": 3}, 3), ({"min_p": 1.0}, 4), ({"min_p": 1.0, "top_k": 4}, 4)],
    ids=str,
)
def test_a_limit_that_is_met_exactly_is_met(rules, kept):
    even = torch.zeros(1, 4)
    assert sum(share > 0 for share in _frequencies(even, count=400, **rules)) == kept


def test_a_temperature_is_low_only_where_it_is_next_to_nothing():
    _assert_like(_frequencies(torch.tensor([[0.0, -1e-4]]), temperature=1e-4), [0.731, 0.269])


@pytest.mark.parametrize(
    ("rules", "throws"), [({}, 3), ({"top_p": 0.9}, 3), ({"top_k": 2}, 3), ({"temperature": 0}, 0)]
)
def test_each_token_that_is_drawn_is_one_throw_of_the_seeds_dice(rules, throws):
    chooser, dice = Chooser(Sampling(seed=5, **rules)), Random(5)
    for _ in range(3):
        sampler.choose(LOGITS, [chooser])
    for _ in range(throws):
        dice.random()
    assert chooser.draw() == dice.random()


def _sampling():
    return st.builds(
        Sampling,
        temperature=st.sampled_from([0.0, 1e-30, 0.3, 1.0, 5.0]),
        top_p=st.sampled_from([1.0, 0.9, 0.2]),
        top_k=st.sampled_from([0, 1, 40, 3000]),
        min_p=st.sampled_from([0.0, 0.3, 1.0]),
        frequency_penalty=st.sampled_from([0.0, 0.7]),
        presence_penalty=st.sampled_from([0.0, -0.4]),
        seed=st.integers(0, 3),
        logprobs=st.sampled_from([None, 0, 3]),
    )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(_sampling(), min_size=2, max_size=9), st.integers(0, 1000))
def test_a_seeded_request_gets_the_same_tokens_in_any_company(samplings, seed):
    logits = torch.randn(4, len(samplings), 2500, generator=torch.Generator().manual_seed(seed)) * 3
    together = [Chooser(sampling) for sampling in samplings]
    alone = [Chooser(sampling) for sampling in samplings]
    for step in logits:
        batch = sampler.choose(step, together)
        single = [sampler.choose(step[row : row + 1], [chooser])[0] for row, chooser in enumerate(alone)]
        assert [token.id for token in batch] == [token.id for token in single]
        for chooser, other, token in zip(together, alone, batch, strict=True):
            assert not chooser.fault
            chooser.accept(token.id)
            other.accept(token.id)


def test_unseeded_requests_do_not_all_say_the_same():
    flat = torch.zeros(20, 1000)
    assert len({token.id for token in sampler.choose(flat, [Chooser(Sampling()) for _ in range(20)])}) > 10


def test_penalties_are_taken_off_what_was_said():
    chooser = Chooser(Sampling(temperature=0, presence_penalty=0.6, frequency_penalty=0.5))
    said = []
    for _ in range(4):
        said.append(sampler.choose(LOGITS, [chooser])[0].id)
        chooser.accept(said[-1])
    # 2; 2 - 1.1 against 1; 1 - 1.1 against 0.9; 0.9 - 0.5 against 0.
    assert said == [0, 1, 0, 0]


def test_presence_counts_once_and_frequency_each_time():
    chooser = Chooser(Sampling(presence_penalty=0.6, frequency_penalty=0.5))
    for token in (0, 2, 0, 0):
        chooser.accept(token)
    assert chooser.penalties() == {0: pytest.approx(0.6 + 3 * 0.5), 2: pytest.approx(0.6 + 0.5)}
    rows = torch.cat([LOGITS, LOGITS])
    told = sampler.choose(
        rows, [Chooser(Sampling(temperature=0)), Chooser(Sampling(temperature=0, presence_penalty=2))]
    )
    assert [token.id for token in told] == [0, 0]


def test_no_most_likely_ones_are_still_a_log_probability():
    (token,) = sampler.choose(LOGITS, [Chooser(Sampling(temperature=0, logprobs=0))])
    assert (token.logprob, token.top) == (pytest.approx(torch.log_softmax(LOGITS[0], 0)[0].item()), ())


def test_log_probabilities_are_the_models_own():
    chooser = Chooser(Sampling(temperature=0.1, top_k=1, logprobs=2, presence_penalty=1.5))
    chooser.accept(0)
    (token,) = sampler.choose(LOGITS, [chooser])
    expected = torch.log_softmax(LOGITS[0], 0).tolist()
    assert token.id == 1
    assert token.logprob == pytest.approx(expected[1])
    assert [each[0] for each in token.top] == [0, 1]
    assert [each[1] for each in token.top] == pytest.approx(expected[:2])
    assert sampler.choose(LOGITS, [Chooser(Sampling())])[0].logprob is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_a_fault_of_their_row_only(value):
    logits = torch.cat([LOGITS, LOGITS])
    logits[0, :] = value
    choosers = [Chooser(Sampling()), Chooser(Sampling(temperature=0))]
    tokens = sampler.choose(logits, choosers)
    assert "not a number" in choosers[0].fault
    assert (choosers[1].fault, tokens[1].id) == ("", 0)
