"""Random play against the rules: people, drivers, a runner with late and lost messages, and a clock.

A sequence is one run of a state machine. Drawing costs far more than deciding, so a step draws its moves as bytes.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from clawgroups.group.state import GroupStatus
from tests.unit.group.rule_player import MOVES, Dice, Player, move_of
from tests.unit.group.rule_world import World

SEQUENCES, PARTS = 10_000, 4
STEPS, MOVES_A_STEP, BYTES_A_MOVE = 6, 8, 7


class Play(RuleBasedStateMachine):
    """Plays one group. The world is checked after every move, its whole history at the end."""

    played = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).played += 1
        self.world = World()
        self.player = Player(self.world)
        self.without: set[str] = set()

    @initialize(children=st.integers(0, 3), without=st.binary(min_size=4, max_size=4))
    def begin(self, children: int, without: bytes) -> None:
        """Some moves are never made in this sequence, so that the others go deeper."""
        self.without = {move_of(byte) for byte in without}
        if children:
            self.player.begin(children)

    @rule(moves=st.binary(min_size=MOVES_A_STEP * BYTES_A_MOVE, max_size=MOVES_A_STEP * BYTES_A_MOVE))
    def play(self, moves: bytes) -> None:
        try:
            for at in range(0, len(moves), BYTES_A_MOVE):
                name = move_of(moves[at])
                if name not in self.without:
                    MOVES[name](self.player, Dice(int.from_bytes(moves[at + 1 : at + BYTES_A_MOVE], "big")))
                    self.world.check()
        except BaseException:
            note("\n".join(f"{actor}: {command}" for actor, command in self.world.told[2:]))
            raise

    def teardown(self) -> None:
        self.world.check_history()
        if all(agent.ended for agent in self.world.group.agents.values()):
            assert self.world.group.status in (GroupStatus.FINISHED, GroupStatus.CANCELLED)


@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_random_plays_keep_every_promise(part: int) -> None:
    part_of_play = seed(part)(type(f"Play{part}", (Play,), {}))
    run_state_machine_as_test(
        part_of_play,
        settings=settings(
            max_examples=SEQUENCES // PARTS,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert part_of_play.played >= SEQUENCES // PARTS
