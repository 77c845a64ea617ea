"""Unsent words: only of whoever holds the wheel, bounded, a few times a second, and over when their time is."""

from __future__ import annotations

import pytest

from clawgroups.dispatcher.unsent import EVERY_S, MOST_CHARS, NOTHING, Unsent
from clawgroups.errors import StaleEpoch
from clawgroups.group.members import MemberKind
from clawgroups.group.state import Agent, AgentStatus, Group, Seat

AGENT = "g-2"
ANNA = ("anna", "Anna")
TAB = object()


class World:
    """Anna holds the wheel of one sub-agent; the time stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0
        self.holder, self.epoch = "anna", 3
        self.unsent = Unsent(self.fence, lambda: self.now)

    def fence(self, agent: str, person: str, epoch: int) -> None:
        if (agent, person, epoch) != (AGENT, self.holder, self.epoch):
            raise StaleEpoch("driving", epoch=self.epoch, driver=self.holder, written=epoch)

    def writes(self, turn: str, *, note: str = "", epoch: int = 3, person: tuple[str, str] = ANNA) -> None:
        self.unsent.write(TAB, person, AGENT, epoch, {"turn": turn, "note": note})

    def committed(self, epoch: int, status: AgentStatus = AgentStatus.DRIVING) -> None:
        seat = Seat(member=self.holder, kind=MemberKind.PERSON, since=0)
        agent = Agent(AGENT, 2, "worker", "Work", "worker", "m", 0, 0, status=status, epoch=epoch, driver=seat)
        self.unsent.committed(Group(id="g", agents={AGENT: agent}))


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_written_is_seen_with_the_writers_name(world: World) -> None:
    world.writes("Half a thought", note="Look at it")
    frame = world.unsent.words(AGENT).frame(AGENT)
    assert frame == {
        "t": "unsent",
        "agent": AGENT,
        "epoch": 3,
        "by": "anna",
        "name": "Anna",
        "turn": "Half a thought",
        "tool": "",
        "arguments": "",
        "note": "Look at it",
    }


def test_nobody_but_who_holds_the_wheel_can_write_and_nothing_of_it_is_seen(world: World) -> None:
    for person, epoch in ((("vera", "Vera"), 3), (ANNA, 2), (ANNA, 4)):
        with pytest.raises(StaleEpoch):
            world.writes("Not mine to write", epoch=epoch, person=person)
    assert world.unsent.words(AGENT) is NOTHING


def test_the_newest_words_are_passed_on_a_few_times_a_second_and_no_more(world: World) -> None:
    seen = []
    for number in range(100):
        world.writes(f"Word {number}")
        seen.append(world.unsent.words(AGENT).parts["turn"])
        world.now += EVERY_S / 10
    assert len(set(seen)) <= 11
    world.now += EVERY_S
    assert world.unsent.words(AGENT).parts["turn"] == "Word 99"


def test_to_empty_the_field_again_and_again_does_not_make_it_faster(world: World) -> None:
    numbers = set()
    for number in range(100):
        world.writes("" if number % 2 else f"Word {number}")
        numbers.add(world.unsent.words(AGENT).number)
        world.now += EVERY_S / 10
    assert len(numbers) <= 11


def test_of_long_words_the_end_is_seen(world: World) -> None:
    world.writes("a" * MOST_CHARS + "the end")
    assert len(world.unsent.words(AGENT).parts["turn"]) == MOST_CHARS
    assert world.unsent.words(AGENT).parts["turn"].endswith("the end")


def test_what_was_sent_is_not_unsent_any_more(world: World) -> None:
    world.writes("Half a thought")
    before = world.unsent.words(AGENT)
    world.now += EVERY_S
    world.writes("")
    assert world.unsent.words(AGENT) is NOTHING
    assert before.number


@pytest.mark.parametrize("how", ["the wheel changes", "it ends", "the connection is cut"])
def test_words_are_over_when(how: str, world: World) -> None:
    world.writes("Half a thought")
    assert world.unsent.words(AGENT).name == "Anna"
    world.committed(3)
    assert world.unsent.words(AGENT).name == "Anna", "a step of her own does not end them"
    world.writes("Half a thought and")
    if how == "the wheel changes":
        world.committed(4)
    elif how == "it ends":
        world.committed(3, AgentStatus.DONE)
    else:
        world.unsent.leave(TAB)
    world.now += EVERY_S
    assert world.unsent.words(AGENT) is NOTHING, "not even what still waited"
