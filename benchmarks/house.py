"""A real server with its runner and a group whose sub-agents all stream from a local model server."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import httpx

from clawgroups.testing.server_process import ServerProcess

START_S = 90.0  # nobody waits longer for all sub-agents to be at work
LOOK_S = 0.001
ENV = {"CLAWGROUPS_LAUNCH_BURST": "1000", "CLAWGROUPS_LAUNCH_PER_S": "1000"}


class Wheel(NamedTuple):
    """Who may write the next step of a sub-agent, as it is committed. ``seat`` lags while an old driver stops."""

    epoch: int
    seat: int
    driver: str


class House:
    """A context manager over a server process on a home of its own."""

    def __init__(self, home: Path, *, pages: bool = True) -> None:
        self.server = ServerProcess(home, env=ENV, pages=pages)
        self.database = home / "clawgroups.db"
        self.group = ""
        self._client = httpx.AsyncClient(timeout=30.0, trust_env=False)

    async def __aenter__(self) -> House:
        await asyncio.to_thread(self.server.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()
        await asyncio.to_thread(self.server.__exit__, kind, error, trace)

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """One request to the API. Raises httpx.HTTPError."""
        answer = await self._client.request(method, f"{self.server.api}{path}", **options)
        if answer.is_error:
            raise httpx.HTTPStatusError(f"{path}: {answer.text[:500]}", request=answer.request, response=answer)
        return answer.json()

    async def found(self, base_url: str, *, conductor: str, worker: str) -> str:
        """Starts a group of two models at ``base_url``; returns its id."""
        members = {}
        for role, name in (("conductor", conductor), ("worker", worker)):
            model = {"base_url": base_url, "model": name}
            made = await self.call("POST", "/members", json={"name": role, "kind": "model", "model": model})
            members[role] = made["id"]
        limits = {"max_live": 1_000, "max_steps": 10_000_000}
        plan = {"name": "Bench", "goal": "Stream.", **members, "limits": limits, "start": True}
        self.group = str((await self.call("POST", "/groups", json=plan))["id"])
        return self.group


class Record:
    """Reads the file of the ledger beside the server, so that looking costs the server nothing."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)

    def close(self) -> None:
        """Ends it."""
        self._connection.close()

    def workers(self, group: str) -> list[str]:
        """The ids of the group's sub-agents without the conductor's."""
        rows = self._connection.execute(
            "SELECT id FROM agents WHERE group_id = ? AND parent <> '' ORDER BY number", [group]
        )
        return [str(row[0]) for row in rows]

    def wheel(self, agent: str) -> Wheel:
        """As committed."""
        rows = self._connection.execute("SELECT epoch, seat, driver FROM agents WHERE id = ?", [agent])
        return Wheel(*rows.fetchone())

    async def until(self, agent: str, holds: Callable[[Wheel], bool], within_s: float = 20.0) -> float:
        """When it was seen to hold (``time.perf_counter``). Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not holds(self.wheel(agent)):  # noqa: ASYNC110 - the file of another process tells nobody
                await asyncio.sleep(LOOK_S)
        return time.perf_counter()


async def until(holds: Callable[[], bool], what: str, within_s: float = START_S, look_s: float = 0.01) -> None:
    """Raises TimeoutError that names ``what``."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {within_s:g} s")
        await asyncio.sleep(look_s)
