"""A model server process for the chaos test: a conductor with many workers that go on until a file says enough.

``python chaos_model.py FILE`` prints one line of JSON with its address. What a model says follows from its thread
and that file alone, so it goes on correctly after any loss.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from clawgroups.testing.model_reply import Call, Reply, Text, says
from clawgroups.testing.model_scripts import prose
from clawgroups.testing.model_server import ModelServer

WORKERS = 50
RATE = 30.0


def script(body: dict[str, Any], enough: Path) -> Reply:
    """The model's name says who it is."""
    calls = [c["function"]["name"] for m in body["messages"] for c in m.get("tool_calls") or ()]
    if body["model"] == "chaos-conductor":
        return _conductor(calls)
    number = len(calls) + 1
    if enough.exists():
        return says(Text(f"I made {len(calls)} calls."))
    words = Text(prose(30 + number * 7 % 40), RATE)
    if number == 1:
        return says(words, Call("write_file", {"path": "log.txt", "content": "END\n"}))
    if number % 3 == 0:  # not safe to repeat: twice would leave its line twice
        return says(words, Call("edit_file", {"path": "log.txt", "old": "END", "new": f"turn {number}\nEND"}))
    return says(words, Call("list_files", {"path": "."}))


def _conductor(calls: list[str]) -> Reply:
    if "create_subagent" not in calls:
        return says(Call("create_subagent", {"name": "worker", "system_prompt": "You write a log."}))
    if "assign_task" not in calls:
        tasks = ({"agent": "worker", "prompt": f"Write log {n}.", "title": f"Log {n}"} for n in range(WORKERS))
        return says(*(Call("assign_task", task) for task in tasks))
    return says(Text("All logs are written."))


async def main(enough: Path) -> None:
    async with ModelServer(lambda body: script(body, enough), keep=10) as server:
        print(json.dumps({"base_url": server.base_url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
