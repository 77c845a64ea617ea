"""The server of the feed benchmark: the real application, in which 300 sub-agents say 30 words a second each.

Prints one line of JSON with its address and its group, then runs until it is ended. Every word is the moment at which
it was said (ms of the machine's monotonic clock), so that a viewer can tell how old it is. With ``pages`` it serves
the pages too, and every sub-agent begins a new turn after TURN words, so that what is kept of a turn is bounded.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import uvicorn
import uvloop

from benchmarks.dispatch import found_group
from clawgroups.dispatcher.crew.supervisor import RunnerProcess
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.ledger.ledger import Ledger
from clawgroups.link.messages import Delta
from clawgroups.server import build
from clawgroups.settings import Settings
from clawgroups.tasks import Tasks

TICK_S = 0.01
TURN = 120  # words


async def _speak(dispatcher: Dispatcher, group: str, agents: int, rate: float, turn: int) -> None:
    """Adds words as a runner's messages would: a share of the sub-agents at each tick.

    After ``turn`` words a sub-agent's turn ends (0: never).
    """
    names = [f"{group}-{number}" for number in range(1, agents + 1)]
    owed, at, last = 0.0, 0, time.monotonic()
    left = [turn * (number + 1) // agents for number in range(agents)]  # so that not all end at once
    while True:
        await asyncio.sleep(TICK_S)
        now = time.monotonic()
        owed, last = owed + (now - last) * rate * agents, now
        word = f"{now * 1000:.1f} "
        while owed >= 1:
            dispatcher.live.add(Delta(names[at], 1, "text", word, 1), 1)
            left[at] -= 1
            if turn and left[at] <= 0:
                dispatcher.live.end_turn(names[at])
                left[at] = turn
            at, owed = (at + 1) % agents, owed - 1


async def main(home: Path, agents: int, rate: float, *, pages: bool) -> None:
    """Serves without a runner: nobody drives, the words come from here."""
    settings = Settings(home=home, runner=False)
    ledger = await Ledger.open(settings.database_url)
    app = build(settings, ledger, RunnerProcess("ws://127.0.0.1/link"), pages=pages)
    dispatcher: Dispatcher = app.state.dispatcher
    config = uvicorn.Config(
        app, port=0, log_level="warning", ws="websockets-sansio", ws_per_message_deflate=False, lifespan="on"
    )
    server, tasks = uvicorn.Server(config), Tasks()
    serving = tasks.start(server.serve(), name="server")
    while not server.started:
        await asyncio.wait({serving}, timeout=0.01)
    group = await found_group(dispatcher, agents)
    port = server.servers[0].sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"url": f"ws://127.0.0.1:{port}", "group": group}) + "\n")
    sys.stdout.flush()
    tasks.start(_speak(dispatcher, group, agents, rate, TURN if pages else 0), name="source")
    await serving
    await tasks.close()
    await ledger.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(main(Path(folder), int(sys.argv[1]), float(sys.argv[2]), pages="pages" in sys.argv[3:]))
