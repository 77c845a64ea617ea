"""Server-sent events are split the same way however the network cuts them."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from clawgroups.runner.drivers.sse import EventSplitter

STREAM = (
    'data: {"a": "grüße 🦀"}\n\n: a comment\n\nevent: x\ndata:two\ndata: lines\n\nid: 7\n\ndata: [DONE]\n\n'.encode()
)
EVENTS = ['{"a": "grüße 🦀"}'.encode(), b"two\nlines", b"[DONE]"]


def _split(*chunks: bytes) -> list[bytes]:
    splitter = EventSplitter()
    found = [data for chunk in chunks for data in splitter.feed(chunk)]
    return found + splitter.finish()


def test_a_cut_at_any_byte_changes_nothing_with_any_line_end() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        stream = STREAM.replace(b"\n", end)
        for cut in range(len(stream) + 1):
            assert _split(stream[:cut], stream[cut:]) == EVENTS, (end, cut)


def test_byte_by_byte_is_the_same_as_at_once() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        stream = STREAM.replace(b"\n", end)
        assert _split(*(stream[i : i + 1] for i in range(len(stream)))) == _split(stream) == EVENTS


@given(
    st.lists(st.sampled_from([b"data: x", b"\n", b"\r", b"\r\n", b":", b"\n\n", "é".encode()]), max_size=30), st.data()
)
def test_any_bytes_in_any_pieces_give_the_same_events(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert _split(*pieces) == _split(stream)


def test_an_event_is_given_as_soon_as_its_blank_line_is_there() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: one\r\n\r") == [b"one"]  # the line feed that belongs to it is not waited for
    assert splitter.feed(b"\ndata: two\n") == []
    assert splitter.feed(b"\n") == [b"two"]


def test_a_last_event_without_a_blank_line_counts() -> None:
    assert _split(b"data: one\n\ndata: tw", b"o") == [b"one", b"two"]


def test_a_byte_order_mark_before_the_first_event_is_skipped() -> None:
    assert _split(b"\xef\xbb\xbfdata: one\n\n") == [b"one"]


def test_an_event_without_end_costs_time_in_proportion_to_its_size() -> None:
    splitter = EventSplitter()
    started = time.process_time()
    for _ in range(200_000):
        splitter.feed(b"data: no end in sight")
    assert time.process_time() - started < 2.0
    assert splitter.waiting == 200_000 * 21
