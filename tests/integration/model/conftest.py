"""A real client for a real model server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from clawgroups.runner.drivers.model import make_client


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """The client that a runner shares among its seats."""
    async with make_client() as made:
        yield made
