"""The mailbox numbers messages so that whatever is dropped is sent again, and nothing is taken twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawgroups.errors import LinkError
from clawgroups.group.thread import Turn
from clawgroups.link import mailbox
from clawgroups.link.mailbox import Mailbox
from clawgroups.link.messages import Beat, Frame, StepDone, decode, encode


def step(number: int) -> StepDone:
    return StepDone(agent="g-1", epoch=1, step=number, turn=Turn(content=f"step {number}"))


def test_a_message_that_arrives_twice_is_taken_once() -> None:
    here, there = Mailbox(), Mailbox()
    text = here.post(step(1))
    assert there.take(decode(text)) == step(1)
    assert there.take(decode(text)) is None
    assert there.received == 1


def test_a_gap_is_an_error_that_names_what_is_missing() -> None:
    here, there = Mailbox(), Mailbox()
    here.post(step(1))
    with pytest.raises(LinkError, match="Message 2 came after 0"):
        there.take(decode(here.post(step(2))))
    assert there.received == 0


def test_what_the_peer_has_is_forgotten_and_the_rest_is_sent_again_in_order() -> None:
    here, there = Mailbox(), Mailbox()
    texts = [here.post(step(n)) for n in range(1, 5)]
    for text in texts[:2]:
        there.take(decode(text))
    here.take(decode(there.pass_by(Beat())))  # a beat acknowledges
    assert [decode(text).message for text in here.missed(2)] == [step(3), step(4)]
    assert [decode(text).message for text in here.missed(4)] == []


def test_messages_that_may_be_lost_carry_no_number() -> None:
    here, there = Mailbox(), Mailbox()
    assert there.take(decode(here.pass_by(Beat()))) == Beat()
    assert there.received == 0
    assert here.missed(0) == []


def _fill(mailbox: Mailbox) -> None:
    for number in range(100):
        mailbox.post(step(number))


def test_what_cannot_be_sent_takes_no_number() -> None:
    here, there = Mailbox(), Mailbox()
    there.take(decode(here.post(step(1))))
    with pytest.raises(UnicodeEncodeError):
        here.post(StepDone(agent="g-1", epoch=1, step=2, turn=Turn(content="\ud83d")))
    assert there.take(decode(here.post(step(3)))) == step(3)


def test_a_peer_that_takes_nothing_is_given_up_before_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MAX_KEPT_BYTES", 1_000)
    here = Mailbox()
    with pytest.raises(LinkError, match="takes no messages any more"):
        _fill(here)
    assert len(here.missed(0)) < 20


def test_an_acknowledgement_makes_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MAX_KEPT_BYTES", 1_000)
    here, there = Mailbox(), Mailbox()
    for number in range(1, 100):
        there.take(decode(here.post(step(number))))
        here.take(decode(there.pass_by(Beat())))
        assert here.missed(0) == []


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["post", "carry", "beat", "drop"]), max_size=60))
def test_whatever_is_dropped_everything_arrives_once_and_in_order(moves: list[str]) -> None:
    here, there = Mailbox(), Mailbox()
    wire: list[str] = []
    posted, taken = 0, []

    def carry() -> None:
        message = there.take(decode(wire.pop(0)))
        if message is not None:
            taken.append(message)

    for move in moves:
        if move == "post":
            posted += 1
            wire.append(here.post(step(posted)))
        elif move == "carry" and wire:
            carry()
        elif move == "beat":
            here.take(decode(there.pass_by(Beat())))
        elif move == "drop":  # everything on the wire is lost; the new connection begins with what is missed
            wire = here.missed(there.received)
    wire = here.missed(there.received)
    while wire:
        carry()
    assert taken == [step(n) for n in range(1, posted + 1)]


def test_a_frame_is_the_same_after_the_wire() -> None:
    frame = Frame(7, 3, step(1))
    assert decode(encode(frame)) == frame
