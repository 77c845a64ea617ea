"""How soon a whole group drives again after the server was killed (SIGKILL) and its runner with it.

The clock starts just before the new server process is started and ends when the model server has had a request of
every sub-agent again. So it holds the start of Python, opening and checking the ledger, taking every seat back, the
start of the runner process, and giving each sub-agent its thread, workspace and driver.

``lost`` and ``doubled``: whatever the API had shown before the kill is acknowledged; afterwards it must stand in the
ledger unchanged, every step once, and the audit of the ledger must find nothing.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from benchmarks.beside import beside
from benchmarks.house import House, until
from clawgroups.ledger.ledger import Ledger
from clawgroups.tasks import Tasks
from clawgroups.testing.model_reply import Call, Reply, Text, says
from clawgroups.testing.model_scripts import named, prose
from clawgroups.testing.model_server import ModelServer

AGENTS, RATE, WORDS, AFTER_S = 300, 30.0, 90, 3.0
QUICK = {"agents": 6, "after_s": 0.5, "words": 15, "pages": False}
PAGE = 1_000


class Model:
    """A script: workers say some words and list their folder, for ever; it notes who has asked since ``forget``."""

    def __init__(self, words: int) -> None:
        self._words = words
        self.asked: set[str] = set()
        self._conducts = named(0)

    def __call__(self, body: dict[str, Any]) -> Reply:
        if str(body["model"]).startswith("conductor"):
            return self._conducts(body)
        messages = body["messages"]
        self.asked.add(next(str(message["content"]) for message in messages if message["role"] == "user"))
        turn = 1 + sum(message["role"] == "assistant" for message in messages)
        return says(Text(f"Turn {turn}: {prose(self._words)}", RATE), Call("list_files", {"path": "."}))


class Witness:
    """Keeps every event that the API has shown: those are acknowledged."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.rows: dict[int, tuple[str, str]] = {}  # seq -> kind and body

    async def watch(self) -> None:
        """Until it is cancelled, or the server is gone."""
        after = 0
        while True:
            path = f"/groups/{self._house.group}/events?after={after}&limit={PAGE}"
            try:
                page = (await self._house.call("GET", path))["events"]
            except httpx.TransportError:
                return
            for row in page:
                self.rows[row["seq"]] = row["kind"], json.dumps(row["body"], sort_keys=True)
                after = row["seq"]
            if len(page) < PAGE:
                await asyncio.sleep(0.05)

    def steps(self) -> int:
        """How many steps it has been shown."""
        return sum(kind == "step_committed" for kind, _ in self.rows.values())


async def run(agents: int = AGENTS, after_s: float = AFTER_S, words: int = WORDS, pages: bool = True) -> dict[str, Any]:
    """Figures of one run. Raises RuntimeError when the ledger is not whole afterwards."""
    model = Model(words)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            ModelServer(model, models=("worker",), keep=10) as server,
            House(Path(folder) / "home", pages=pages) as house,
        ):
            await house.found(server.base_url, conductor=f"conductor-{agents}", worker="worker")
            witness, seconds = await _crash(house, model, agents)
            await asyncio.sleep(after_s)
            await asyncio.to_thread(house.server.stop)
            lost, doubled = await judge(house.database, house.group, witness.rows)
    beside(acknowledged_steps=witness.steps(), acknowledged_events=len(witness.rows))
    return {"seconds": round(seconds, 2), "agents": agents, "lost": lost, "doubled": doubled}


async def _crash(house: House, model: Model, agents: int) -> tuple[Witness, float]:
    """What was acknowledged before the kill, and the seconds until all drive again."""
    witness, tasks = Witness(house), Tasks()
    watching = tasks.start(witness.watch(), name="witness")

    def all_asked() -> bool:
        return len(model.asked) >= agents

    await until(all_asked, f"{agents} sub-agents at work")
    await until(lambda: witness.steps() > 2 * agents, f"two steps of each of {agents} sub-agents")
    await asyncio.to_thread(house.server.kill)
    await asyncio.wait({watching})
    watching.result()
    model.asked.clear()
    started = time.perf_counter()
    starting = tasks.start(asyncio.to_thread(house.server.start), name="start")
    await until(all_asked, f"{agents} sub-agents at work again")
    seconds = time.perf_counter() - started
    await starting
    return witness, seconds


async def judge(database: Path, group: str, told: Mapping[int, tuple[str, str]]) -> tuple[int, int]:
    """(acknowledged events that are gone or changed, turns that stand in the ledger more than once).

    ``told``: by number, the kind and the body (JSON with sorted keys) of each acknowledged event.
    """
    ledger = await Ledger.open(f"sqlite+aiosqlite:///{database}")
    try:
        if problems := await ledger.reader.verify(group):
            raise RuntimeError(f"The audit found {len(problems)} faults, the first: {problems[0]}")
        rows: dict[int, tuple[str, str]] = {}
        steps: Counter[tuple[str, int]] = Counter()
        turns: Counter[tuple[str, str]] = Counter()
        while page := await ledger.reader.event_rows(group, max(rows, default=0), PAGE):
            for row in page:
                body = json.loads(row.body)
                rows[row.seq] = row.kind, json.dumps(body, sort_keys=True)
                if row.kind == "step_committed":
                    steps[row.agent_id, body["step"]] += 1
                    turns[row.agent_id, body["content"]] += 1
    finally:
        await ledger.close()
    lost = sum(rows.get(seq) != event for seq, event in told.items())
    doubled = sum(count - 1 for seen in (steps, turns) for count in seen.values())
    return lost, doubled
