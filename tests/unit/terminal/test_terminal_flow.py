"""The window of a terminal's output: nothing is lost, characters stay whole, and no more than a window is ever held."""

from __future__ import annotations

import pytest

from clawgroups.runner.terminal_flow import CHUNK, WINDOW, Flow


def _sent(flow: Flow) -> list[tuple[int, str]]:
    pieces = []
    while piece := flow.next():
        pieces.append(piece)
    return pieces


def test_a_character_that_a_read_has_cut_in_two_is_put_together() -> None:
    flow = Flow()
    for byte in "€ and 🦀".encode():
        flow.add(bytes([byte]))
    assert "".join(text for _, text in _sent(flow)) == "€ and 🦀"


def test_what_is_no_utf8_shows_as_that_and_stops_nothing() -> None:
    flow = Flow()
    flow.add(b"a\xffb")
    assert _sent(flow) == [(1, "a\N{REPLACEMENT CHARACTER}b")]


def test_no_more_than_a_window_is_under_way_and_an_acknowledgement_makes_room() -> None:
    flow = Flow()
    for _ in range(10):
        flow.add(b"y" * min(50_000, flow.room))
    pieces = _sent(flow)
    assert sum(len(text) for _, text in pieces) == WINDOW
    assert max(len(text) for _, text in pieces) <= CHUNK
    assert [number for number, _ in pieces] == list(range(1, len(pieces) + 1))
    assert flow.room == 0
    flow.taken(2)
    assert flow.room == len(pieces[0][1]) + len(pieces[1][1])
    flow.taken(2)
    assert flow.room == 2 * CHUNK, "an acknowledgement that comes twice makes room once"


def test_what_waits_counts_too_so_that_memory_is_bounded_before_anything_is_sent() -> None:
    flow = Flow()
    flow.add(b"y" * WINDOW)
    assert flow.room == 0
    assert flow.waits


def test_more_than_a_window_is_never_sent_whatever_was_read() -> None:
    flow = Flow()
    flow.add(b"y" * (2 * WINDOW))
    assert sum(len(text) for _, text in _sent(flow)) == WINDOW


@pytest.mark.parametrize("number", [0, -1])
def test_an_acknowledgement_of_nothing_makes_no_room(number: int) -> None:
    flow = Flow()
    flow.add(b"y" * 10)
    _sent(flow)
    flow.taken(number)
    assert flow.room == WINDOW - 10
