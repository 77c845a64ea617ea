"""A program member whose turns are written in its task, so that a test knows what is under way, and when it goes on.

The plan is the task's last line that begins with a brace: ``{"turns": [...], "result"}``, a turn being ``{"text",
"times", "wait", "calls": [{"name", "arguments"}]}``. A turn with ``wait`` ends only when there is a file of that name
in the folder of the first argument. Where the program is follows from the thread alone: so many turns are over as the
thread has whole turns of a driver, whoever that was.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Serves one sub-agent."""
    gates = Path(sys.argv[1])
    plan: dict[str, Any] = {}
    over = 0
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "task":
            written = [line for line in message["task"].splitlines() if line.startswith("{")]
            plan = json.loads(written[-1]) if written else {}
            over = sum(entry["role"] == "assistant" and not entry.get("unfinished") for entry in message["thread"])
        _take_turn(plan, over, gates)
        over += 1


def _take_turn(plan: dict[str, Any], number: int, gates: Path) -> None:
    turns = plan.get("turns", [])
    turn = turns[number] if number < len(turns) else {"text": "", "calls": []}
    for piece in [turn["text"]] * int(turn.get("times", 1)):
        _say(type="text", text=piece)
    while turn.get("wait") and not (gates / turn["wait"]).exists():
        time.sleep(0.01)
    if turn["calls"]:
        _say(type="calls", calls=turn["calls"])
    else:
        _say(type="result", text=plan.get("result", "done"))


def _say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
