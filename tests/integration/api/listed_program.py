"""A program member for lists: it does what its line says, in a folder that the test looks into.

``count PATH`` answers with the number of lines of a file of its workspace; ``hold NAME`` writes ``NAME.here`` and ends
when there is ``NAME.go``; anything else is answered with its last line.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Serves one task."""
    gates = Path(sys.argv[1])
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "task":
            last = message["task"].strip().splitlines()[-1]
            word, _, rest = last.partition(" ")
            if word == "count":
                _say(type="calls", calls=[{"name": "measure_file", "arguments": {"path": rest}}])
                continue
            if word == "hold":
                (gates / f"{rest}.here").touch()
                while not (gates / f"{rest}.go").exists():
                    time.sleep(0.01)
            _say(type="result", text=f"{len(message['task'].splitlines())} lines were given; the last: {last}")
        elif message["type"] == "results":
            (result,) = message["results"]
            if result["fate"] == "done":
                _say(type="result", text=f"It has {json.loads(result['content'])['lines']} lines.")
            else:
                _say(type="result", text=f"No: {result['content']}")


def _say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
