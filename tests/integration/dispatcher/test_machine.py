"""Random histories against a running dispatcher with a real SQLite file, a real runner house, losses and restarts."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from dispatcher_moves import MOVES, quietly
from dispatcher_rig import Rig
from dispatcher_world import World
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

SEQUENCES = 200
PHASES = (Phase.explicit, Phase.generate)  # a shrunk history would take minutes: each ends in a time-out
RARE = {"lose_runner", "drop_link", "restart", "crash", "cancel", "limit", "pause_group"}
NAMES = [name for name in MOVES for _ in range(1 if name in RARE else 3)] + ["wait"] * 8
moves = st.tuples(st.sampled_from(NAMES), st.integers(0, 7), st.sampled_from(["you", "pat"]), st.integers(0, 419))
histories = st.lists(moves, min_size=3, max_size=18)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a server that was started once: migrating a new one for each history would take longer than it."""
    home = tmp_path_factory.mktemp("fresh")

    async def make() -> None:
        rig = Rig(home, "")
        await rig.open()
        await rig.close()

    asyncio.run(make())
    return home / "clawgroups.db"


@settings(
    max_examples=SEQUENCES,
    deadline=None,
    print_blob=True,
    phases=PHASES,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(history=histories, seed=st.integers(0, 2**32), asking=st.booleans())
def test_no_history_breaks_a_promise_and_every_group_comes_to_its_end(
    fresh: Path, history: list[tuple[str, int, str, int]], seed: int, asking: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copy(fresh, home / "clawgroups.db")
        asyncio.run(live_through(home, history, seed, asking))


async def live_through(home: Path, history: list[tuple[str, int, str, int]], seed: int, asking: bool) -> None:
    world = World(home, "", seed, asking)
    await world.begin()
    try:
        for name, pick, actor, n in history:
            await quietly(world, name, pick, actor, n)
            await asyncio.sleep(0.002)
        await world.settle()
        await world.check()
    except BaseException:
        note(f"seed {seed}: {history}")
        raise
    finally:
        await world.rig.close()
