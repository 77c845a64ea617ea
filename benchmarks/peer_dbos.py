"""DBOS's arm of the dispatch benchmark: PATH AGENTS STEPS WORDS; prints its steps a second.

The peer's package is loaded by name: it is there only after ``make setup-bench``.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from typing import Any

from benchmarks.gate import Gate


async def main(path: str, agents: int, steps: int, words: str) -> float:
    """One workflow a sub-agent; a step is two DBOS steps, the turn and its tool; the database as DBOS opens it."""
    dbos: Any = importlib.import_module("dbos").DBOS
    dbos(config={"name": "bench", "system_database_url": f"sqlite:///{path}", "log_level": "WARNING"})
    gate = Gate(agents)

    async def turn(number: int) -> str:
        return words

    async def tool(number: int) -> str:
        return "noted"

    turn_step, tool_step = dbos.step()(turn), dbos.step()(tool)

    async def agent() -> int:
        await gate.come()
        for number in range(steps):
            await turn_step(number)
            await tool_step(number)
        return steps

    workflow = dbos.workflow()(agent)
    dbos.launch()
    handles = [await dbos.start_workflow_async(workflow) for _ in range(agents)]
    await asyncio.gather(*(handle.get_result() for handle in handles))
    rate = agents * steps / (time.perf_counter() - gate.opened)
    dbos.destroy()
    return rate


if __name__ == "__main__":
    speed = asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
    sys.stdout.write(json.dumps({"steps_per_s": speed}) + "\n")
