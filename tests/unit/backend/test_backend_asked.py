"""What one body asks of the engine: as many requests as choices, each with dice of its own."""

import pytest

from backend.api.asked import Asked, check_length
from backend.engine.chooser import Chooser
from backend.engine.request import Sampling
from backend.errors import ContextTooLong, RequestRefused
from backend.text.answer import Manner


def _asked(choices, **sampling):
    return Asked("id", [1, 2], Sampling(**sampling), Manner(), [], "who", choices)


def test_each_choice_has_an_id_and_a_seed_of_its_own():
    requests = _asked(3, seed=7).requests()
    assert [one.id for one in requests] == ["id-0", "id-1", "id-2"]
    assert [one.sampling.seed for one in requests] == [7, 8, 9]
    assert {(one.prompt, one.client) for one in requests} == {((1, 2), "who")}


def test_one_choice_has_the_id_and_the_seed_that_were_given():
    (only,) = _asked(1, seed=0).requests()
    assert (only.id, only.sampling.seed) == ("id", 0)
    assert [one.sampling.seed for one in _asked(2).requests()] == [None, None]


def test_choices_of_a_seed_below_0_differ_as_well():
    requests = _asked(3, seed=-1).requests()
    assert len({Chooser(one.sampling).draw() for one in requests}) == 3


def test_what_just_fits_the_context_is_taken_and_one_token_more_is_refused():
    check_length(10, 5, 15)
    check_length(14, None, 15)
    with pytest.raises(RequestRefused, match="total of 16 tokens: 10 tokens from the input messages and 6 tokens"):
        check_length(10, 6, 15)
    with pytest.raises(ContextTooLong, match=r"\(15 tokens\)"):
        check_length(15, None, 15)
