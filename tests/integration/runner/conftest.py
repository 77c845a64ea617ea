"""A runner's rooms for every test here, stopped and looked for afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import uvloop
from runner_rooms import Rooms


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that a runner really runs on; asyncio's own behaves otherwise with pipes and processes."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with httpx.AsyncClient() as client:
        made = Rooms(tmp_path, client)
        yield made
        await made.house.close()
