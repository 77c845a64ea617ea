"""What is recorded reads back as it was meant, and written again it has the same bytes."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawgroups.group import events as ev
from clawgroups.group.members import Member, MemberKind, ModelConfig
from clawgroups.group.state import Limits
from clawgroups.group.thread import Usage
from clawgroups.ledger.faults import BadRow
from clawgroups.ledger.words import LARGEST, LONGEST_KEY, clean, json_text, key, number
from tests.unit.ledger.ledger_history import HOSTILE, History

ANY_TEXT = st.text(st.characters(), max_size=400) | st.sampled_from(HOSTILE)  # half pairs too


@pytest.mark.parametrize("seed", range(12))
def test_every_event_of_a_long_history_has_the_same_bytes_when_it_is_read_and_written_again(seed: int) -> None:
    events = History(seed).play(400).world.events
    for recorded in events:
        written = json_text(recorded.event)
        assert json_text(ev.decode(recorded.kind, written)) == written


@pytest.mark.parametrize(
    "made",
    [
        ModelConfig(base_url="x", model="m", price_in=0, price_cached=1, price_out=2, temperature=1),
        Limits(budget_usd=3, hours=1),
        Usage(tokens_in=1, cost=0),
    ],
)
def test_a_whole_number_given_for_a_price_is_recorded_as_the_number_that_it_is_read_as(made: Any) -> None:
    written = json_text(made)
    assert json_text(msgspec.json.decode(written, type=type(made))) == written


def test_a_price_of_nothing_changed_later_is_still_a_number_of_its_kind() -> None:
    changed = msgspec.structs.replace(Limits(), budget_usd=7)
    assert type(changed.budget_usd) is float


@given(ANY_TEXT, st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**64))
@settings(max_examples=300, deadline=None)
def test_any_words_and_numbers_have_the_same_bytes_when_they_are_read_and_written_again(
    words: str, real: float, whole: int
) -> None:
    config = ModelConfig(
        base_url=words, model=words, price_in=abs(real), extra_body={words: [words, real, whole, None]}
    )
    event = ev.MemberJoined(Member(id="m", name=words, kind=MemberKind.MODEL, model=config))
    written = json_text(event)
    read = ev.decode("member_joined", written)
    assert json_text(read) == written
    assert isinstance(read, ev.MemberJoined)
    assert clean(read.member.name) == clean(words)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_has_no_word_for_is_refused_wherever_it_is(value: float) -> None:
    with pytest.raises(BadRow, match="no number that can be kept"):
        json_text({"a": [1, {"b": (value,)}]})
    assert json_text({"a": None}) == '{"a":null}'


@given(ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_words_for_a_column_can_be_encoded_and_hold_no_nul(words: str) -> None:
    made = clean(words)
    assert "\x00" not in made
    assert made.encode().decode() == made
    assert len(made) == len(words)
    assert clean(made) == made


@given(ANY_TEXT, ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_keys_are_short_and_two_of_them_are_equal_only_when_the_record_cannot_tell_their_words_apart(
    one: str, other: str
) -> None:
    assert len(key(one)) <= LONGEST_KEY
    assert key(one) == clean(key(one))
    assert (key(one) == key(other)) == (json_text(one) == json_text(other))


def test_keys_that_differ_only_in_a_nul_are_different() -> None:
    assert len({key("a\x00"), key("a\N{REPLACEMENT CHARACTER}"), key("a"), key("a\x00\x00")}) == 4
    assert len({key("x" * 300 + "1"), key("x" * 300 + "2")}) == 2


def test_absurd_counts_are_bounded_so_that_two_of_them_still_fit() -> None:
    assert number(10**30) == LARGEST
    assert number(-(10**30)) == -LARGEST
    assert number(5) == 5
    assert LARGEST + LARGEST < 2**63
