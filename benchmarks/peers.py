"""The same work done by others: a bare group-commit writer, LangGraph's SQLite checkpointer, DBOS as shipped."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, Text, UniqueConstraint, event
from sqlalchemy.ext.asyncio import create_async_engine

PEERS = {  # what they need, and the steps of each sub-agent: slow arms take fewer, rates are per second all the same
    "langgraph": (("langgraph.graph", "langgraph.checkpoint.sqlite"), 8),
    "dbos": (("dbos",), 4),
}
CHECKOUT = Path(__file__).parent.parent
_metadata = MetaData()
_rows = Table(
    "rows",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("agent", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("agent", "number"),
)


async def bare_writer(path: Path, agents: int, steps: int, sizes: tuple[int, int]) -> float:
    """Steps a second: tasks hand rows to one writer, which commits all that wait in one transaction.

    A step is two rows, as in every arm: the turn, which must be safe before its tool may start, and the result.
    ``sizes``: characters that the ledger writes for each of the two, over all its tables.
    """
    bodies = tuple("x" * size for size in sizes)
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    async with engine.begin() as connection:
        await connection.run_sync(_metadata.create_all)
    waiting: list[tuple[dict[str, Any], asyncio.Future[None]]] = []
    wake = asyncio.Event()

    async def write() -> None:
        while True:
            await wake.wait()
            wake.clear()
            batch, waiting[:] = waiting[:], []
            async with engine.begin() as connection:
                await connection.execute(_rows.insert(), [row for row, _ in batch])
            for _, done in batch:
                done.set_result(None)

    async def put(agent: int, number: int, body: str) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(({"agent": agent, "number": number, "body": body}, done))
        wake.set()
        await done

    async def work(agent: int) -> None:
        for step in range(steps):
            await put(agent, 2 * step, bodies[0])
            await put(agent, 2 * step + 1, bodies[1])

    writer = asyncio.ensure_future(write())
    started = time.perf_counter()
    await asyncio.gather(*(work(agent) for agent in range(agents)))
    seconds = time.perf_counter() - started
    writer.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writer
    await engine.dispose()
    return agents * steps / seconds


async def peer(name: str, folder: Path, agents: int, words: str) -> float | None:
    """Steps a second of ``agents`` graphs or workflows of a peer; None where its packages are not installed.

    It runs in a process of its own, so that what it leaves behind does not weigh on the others.
    """
    needs, steps = PEERS[name]
    if not all(_is_installed(module) for module in needs):
        return None
    command = [sys.executable, "-m", f"benchmarks.peer_{name}", str(folder / f"{name}.db"), str(agents), str(steps)]
    process = await asyncio.create_subprocess_exec(
        *command, words, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, said = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"The {name} arm ended with status {process.returncode}:\n{said.decode()[-2_000:]}")
    return float(json.loads(out.decode().strip().splitlines()[-1])["steps_per_s"])


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it lies in
        return False
