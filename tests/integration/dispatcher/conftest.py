"""A rig for every test here: dispatcher, ledger on each database, a runner, a model server; audited at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dispatcher_rig import Rig


@pytest.fixture
async def rig(tmp_path: Path, database_url: str) -> AsyncIterator[Rig]:
    """An open rig. Afterwards every group's record must hold what the promises say."""
    made = Rig(tmp_path / "home", database_url)
    await made.open()
    yield made
    try:
        problems = {group: await made.ledger.reader.verify(group) for group in await made.ledger.reader.group_ids()}
    finally:
        await made.close()
    assert problems == {group: [] for group in problems}
