"""A lane of the timeline, folded from what is on record: states, signs, steps and sums of steps."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from clawgroups.dispatcher.history.spans import OPEN, Done, Lane, merged, steps_of
from clawgroups.ledger.timeline import Turn

T = 1_000


def turn(at: int, kind: str, epoch: int = 0, member: str = "", member_kind: str = "", reason: str = "") -> Turn:
    """An event at the wheel of the one sub-agent here."""
    return Turn("a", at, at, kind, "you", epoch, member, member_kind, reason)


def lane(*turns: Turn) -> Lane:
    """What these events make."""
    made = Lane(T)
    for each in turns:
        made.hear(each)
    return made.done()


def states(made: Lane) -> list[tuple[int, int, str, str]]:
    """Its states without kinds and reasons."""
    return [(state.begin, state.end, state.state, state.member) for state in made.states]


def test_a_life_with_a_take_over_and_a_hand_back() -> None:
    made = lane(
        turn(1_100, "driver_granted", 1, "kimi", "model"),
        turn(1_300, "taken_over", 2, "ann"),
        turn(1_350, "driver_stopped", 1),
        turn(1_800, "handed_back", 3, "kimi", "model"),
        turn(2_000, "agent_finished"),
    )
    assert states(made) == [
        (1_000, 1_100, "queued", ""),
        (1_100, 1_300, "driving", "kimi"),
        (1_300, 1_350, "handing_over", "ann"),
        (1_350, 1_800, "driving", "ann"),
        (1_800, 2_000, "driving", "kimi"),
    ]
    assert [state.kind for state in made.states] == ["", "model", "person", "person", "model"]
    assert [(sign.at, sign.kind, sign.member) for sign in made.signs] == [
        (1_300, "taken_over", "ann"),
        (1_800, "handed_back", "kimi"),
    ]
    assert made.over is not None
    assert made.over.at == 2_000
    assert made.launched_at == 1_100


def test_a_pause_a_loss_and_a_wait_for_a_review() -> None:
    made = lane(
        turn(1_100, "driver_granted", 1, "kimi", "model"),
        turn(1_200, "agent_paused", 2),
        turn(1_250, "driver_stopped", 1),
        turn(1_400, "agent_resumed"),
        turn(1_500, "driver_granted", 3, "kimi", "model"),
        turn(1_700, "agent_held", reason="review"),
    )
    assert states(made) == [
        (1_000, 1_100, "queued", ""),
        (1_100, 1_200, "driving", "kimi"),
        (1_200, 1_400, "paused", ""),
        (1_400, 1_500, "queued", ""),
        (1_500, 1_700, "driving", "kimi"),
        (1_700, OPEN, "waiting", "kimi"),
    ]
    assert made.states[-1].reason == "review"
    assert made.over is None


def test_a_late_proof_of_an_older_stop_changes_nothing() -> None:
    made = lane(
        turn(1_100, "driver_granted", 4, "kimi", "model"),
        turn(1_300, "taken_over", 5, "ann"),
        turn(1_310, "driver_stopped", 3),
    )
    assert states(made)[-1] == (1_300, OPEN, "handing_over", "ann")


def test_a_task_given_to_another_before_its_launch_stays_queued() -> None:
    made = lane(turn(1_050, "reassigned", 1, "bo", "person"))
    assert states(made) == [(1_000, OPEN, "queued", "")]


class Row(NamedTuple):
    """A row of the table of steps."""

    step: int
    at: int
    seq: int = 7
    by_member: str = "kimi"


def test_a_step_begins_when_the_calls_of_the_last_one_are_over_or_its_driver_begins() -> None:
    rows = [Row(1, 1_500), Row(2, 1_900), Row(3, 2_600)]
    assert steps_of(rows, [1_100, 2_300], {1: 1_650}) == [
        Done(1_100, 1_500, 1, 1, "kimi", 7),
        Done(1_650, 1_900, 2, 1, "kimi", 7),
        Done(2_300, 2_600, 3, 1, "kimi", 7),
    ]


def test_steps_between_two_that_are_told_are_counted_with_the_second() -> None:
    rows = [Row(1, 1_200), Row(40, 5_000), Row(80, 9_000)]
    found = steps_of(rows, [1_100], {})
    assert [(done.step, done.number) for done in found] == [(1, 1), (40, 39), (80, 40)]
    assert sum(done.number for done in found) == 80


def test_no_step_ends_before_it_begins() -> None:
    for done in steps_of([Row(1, 1_000), Row(2, 1_000)], [1_000], {1: 4_000}):
        assert done.begin <= done.end


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ([(1, 5), (2, 3), (7, 9)], [(1, 5), (7, 9)]),
        ([(4, 6), (1, 4)], [(1, 6)]),
        ([(1, OPEN), (2, 9), (20, 30)], [(1, OPEN)]),
        ([(1, 3), (2, OPEN)], [(1, OPEN)]),
        ([], []),
    ],
)
def test_overlapping_spans_are_one(spans: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> None:
    assert merged(spans) == wanted
