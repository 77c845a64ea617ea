"""Cells of a CSV that a spreadsheet would take for a command."""

from __future__ import annotations

import pytest

from clawgroups.errors import Invalid
from clawgroups.ledger.export import guarded
from clawgroups.ledger.history import _number_of, _place_of, after_of
from clawgroups.ledger.search_index import Place


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "\r=1", "\n=1", "＝1", "  =cmd|'/c calc'!A0"])
def test_what_begins_like_a_formula_is_made_plain_text(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["words", "a=b", "", "'quoted", 5, -5, -0.25, 0])
def test_other_words_and_numbers_stay(cell: object) -> None:
    assert guarded(cell) == cell


def test_a_cursor_is_what_an_earlier_page_gave() -> None:
    assert _place_of("1700000000000.k3f9x2mq") == (1_700_000_000_000, "k3f9x2mq")
    assert _number_of("n12") == 12
    place = Place(12, 7, 0).packed
    assert after_of("", 12) == 0
    assert after_of(str(place), 12) == place


@pytest.mark.parametrize("cursor", ["x", "1.", ".g", "-1.g", "٣.g", "1" * 30 + ".g", "1;drop", "n1"])
def test_another_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid, match="no place in the history"):
        _place_of(cursor)


@pytest.mark.parametrize("cursor", ["5.g", "n", "nx", "n-1", "n٣", "n" + "9" * 20, "x1"])
def test_another_cursor_of_a_search_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid, match="no place in the history"):
        _number_of(cursor)


@pytest.mark.parametrize("cursor", ["x", "-1", "٣", "9" * 30, str(Place(11, 7, 0).packed)])
def test_a_place_in_another_group_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid, match="no place in the history"):
        after_of(cursor, 12)
