"""From earlier tasks to what a group may cost: the ranges, what bounds them, and the words."""

from __future__ import annotations

import pytest

from clawgroups.dispatcher.founding.estimate_sums import (
    Range,
    bounds,
    cost_of,
    money_words,
    part_of,
    priced,
    spread,
    steps_words,
    time_words,
    waves,
)
from clawgroups.group.members import Member, MemberKind, ModelConfig
from clawgroups.group.state import Limits
from clawgroups.ledger.track import PastTask

MODEL = ModelConfig(base_url="http://m/v1", model="m", price_in=1.0, price_cached=0.1, price_out=4.0)


def past(steps: int = 1, tokens_in: int = 0, tokens_out: int = 0, cached: int = 0, ms: int = 0) -> PastTask:
    return PastTask("g", "m", steps, tokens_in, tokens_out, cached, ms)


def test_a_task_costs_what_its_tokens_cost_today() -> None:
    assert cost_of(past(tokens_in=1_000_000, cached=400_000, tokens_out=500_000), MODEL) == pytest.approx(2.64)


def test_few_tasks_all_count_and_of_many_the_odd_ones_are_left_out() -> None:
    assert spread([9, 1, 5]) == Range(1, 9)
    assert spread([1000, *range(2, 21), 0]) == Range(3, 19)
    assert spread([4]) == Range(4, 4)


def test_a_model_without_prices_has_none_and_people_and_programs_cost_nothing() -> None:
    unknown = Member(id="m", name="M", kind=MemberKind.MODEL, model=ModelConfig(base_url="http://m", model="m"))
    assert not priced(unknown.model)
    assert part_of([past(tokens_out=10)], unknown).money is None
    person = Member(id="p", name="P", kind=MemberKind.PERSON)
    assert part_of([past(tokens_out=10)], person).money == Range(0, 0)
    known = Member(id="k", name="K", kind=MemberKind.MODEL, model=MODEL)
    assert part_of([past(3, tokens_out=250_000, ms=2_000)], known).money == Range(1, 1)


@pytest.mark.parametrize(("count", "at_once", "times"), [(12, 4, 3), (13, 4, 4), (1, 300, 1)])
def test_tasks_that_find_no_seat_come_in_a_later_wave(count: int, at_once: int, times: int) -> None:
    assert waves(Range(count, count), at_once) == Range(times, times)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.4, 2.1, "about $0.40 to $2.10"), (3, 3, "about $3.00"), (0.0034, 0.0034, "about $0.0034"), (0, 0, "no money"),
     (0.00001, 0.00002, "about under $0.0001"), (1, 12_500, "about $1.00 to $12,500.00")],
)  # fmt: skip
def test_money_in_words(low: float, high: float, words: str) -> None:
    assert money_words(Range(low, high)) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(240, 540, "4 to 9 min"), (0.2, 0.9, "under 1 s"), (20, 80, "20 to 80 s"), (50, 600, "50 s to 10 min"),
     (7_200, 9_000, "2 to 2.5 h"), (0.5, 30, "under 1 to 30 s")],
)  # fmt: skip
def test_time_in_words(low: float, high: float, words: str) -> None:
    assert time_words(Range(low, high)) == words


def test_steps_in_words() -> None:
    assert steps_words(Range(120, 3_000)) == "120 to 3,000 steps"
    assert steps_words(Range(1, 1)) == "1 step"


def test_a_limit_is_named_only_where_it_may_be_met() -> None:
    limits = Limits(max_steps=100, budget_usd=2.0, hours=1.0)
    below = bounds(limits, Range(1, 90), Range(1, 3_000), Range(0, 1.9))
    assert below == []
    above = bounds(limits, Range(1, 101), Range(1, 3_700), Range(0, 2.1))
    assert above == [
        "At $2.00, your budget, it stops and asks you.",
        "At 100 steps it stops and asks you.",
        "After 1 h it stops and asks you.",
    ]


def test_where_nothing_is_known_every_limit_bounds_it() -> None:
    assert bounds(Limits(budget_usd=0.5), None, None, None) == [
        "At $0.50, your budget, it stops and asks you.", "At 4,000 steps it stops and asks you.",
    ]  # fmt: skip
