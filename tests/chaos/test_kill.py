"""SIGKILL at random moments: whatever was acknowledged is there once, and everything goes on to its end."""

from __future__ import annotations

import asyncio
import collections
import json
import os
import random
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from chaos_house import Witness, chaos_model
from chaos_model import WORKERS

from clawgroups.ledger.ledger import Ledger
from clawgroups.runner.scan import scan
from clawgroups.testing.server_process import ServerProcess

KILLS = 32
ENV = {"CLAWGROUPS_LAUNCH_BURST": "60", "CLAWGROUPS_LAUNCH_PER_S": "200"}


def until(holds: Callable[[], object], within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come within {within_s:g} s"
        time.sleep(0.05)


def test_whatever_is_killed_nothing_acknowledged_is_lost_or_doubled_and_the_group_finishes(tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    try:
        _live_through(tmp_path, random.Random(seed))
    except BaseException as error:
        error.add_note(f"the seed of the kills was {seed}")
        raise


def _live_through(tmp_path: Path, rng: random.Random) -> None:
    enough = tmp_path / "enough"
    home = tmp_path / "home"
    others = set(psutil.Process().children(recursive=True))  # servers that other tests of this run keep
    server = ServerProcess(home, pages=False, env=ENV)
    with chaos_model(enough) as base_url, server:
        witness = Witness(server)
        witness.group = _found(witness, base_url)
        with witness:
            until(lambda: witness.steps() > WORKERS, 60.0, "the first round of steps")
            for number in range(KILLS):
                _kill_one(server, witness, rng, number)
            assert witness.broken is None
            before = witness.steps()
            until(lambda: witness.steps() > before + WORKERS, 60.0, "another round of steps after the last kill")
            enough.touch()
            until(lambda: witness.status() == "finished", 90.0, f"the end of {witness.group}")
            time.sleep(0.1)
        assert witness.broken is None
        assert [each for each in scan() if each.seat.startswith(f"{witness.group}-")] == []
        server.stop()
    asyncio.run(_audit(home, witness))
    _look_at_the_logs(home / "work" / witness.group)
    left = set(psutil.Process().children(recursive=True)) - others
    assert not [process for process in left if process.is_running()]


def _found(witness: Witness, base_url: str) -> str:
    members = {}
    for role in ("conductor", "worker"):
        model = {"base_url": base_url, "model": f"chaos-{role}"}
        body = {"name": f"chaos-{role}", "kind": "model", "model": model}
        members[role] = witness.call("POST", "/members", json=body)["id"]
    plan = {
        "name": "Chaos",
        "goal": "Keep logs.",
        **members,
        "limits": {"max_steps": 1_000_000},
        "start": True,
    }
    return str(witness.call("POST", "/groups", json=plan)["id"])


def _kill_one(server: ServerProcess, witness: Witness, rng: random.Random, number: int) -> None:
    """Kills the server, its runner or its ledger's scribe, and starts again what does not start by itself."""
    time.sleep(rng.uniform(0.0, 1.5))
    witness.steer(f"{witness.group}-{rng.randint(2, WORKERS)}", f"word {number}")
    victim = rng.choices(("server", "runner", "scribe"), (35, 40, 25))[0]
    if victim == "server":
        server.kill()
        server.start()
    else:
        os.kill(server.runner_pid() if victim == "runner" else server.scribe_pid(), signal.SIGKILL)
    if rng.random() < 0.7:  # else the next kill falls into the time of coming back
        before = witness.steps()
        until(lambda: witness.steps() > before, 30.0, f"a step after kill {number}")


async def _audit(home: Path, witness: Witness) -> None:
    """The closed ledger against what was acknowledged."""
    ledger = await Ledger.open(f"sqlite+aiosqlite:///{home / 'clawgroups.db'}")
    try:
        reader = ledger.reader
        assert await reader.verify(witness.group) == []
        rows, steered = {}, collections.Counter[str]()
        for page_after in range(0, await reader.seq(witness.group), 1_000):
            for row in await reader.event_rows(witness.group, page_after, 1_000):
                body = json.loads(row.body)
                rows[row.seq] = row.kind, json.dumps(body, sort_keys=True)
                if row.kind == "steer_queued":
                    steered[body["text"]] += 1
        assert sorted(rows) == list(range(1, len(rows) + 1))
        assert {seq: rows.get(seq) for seq in witness.rows} == witness.rows
        assert {text: steered[text] for text in witness.steered} == dict.fromkeys(witness.steered, 1)
        group = await reader.load_group(witness.group)
        assert len(group.agents) == WORKERS + 1
        for agent in group.agents.values():
            assert agent.status.value == "done", agent
            assert not agent.calls
            assert not agent.seat
            calls = await reader.calls(agent.id, limit=10_000)
            assert [call for call in calls if call["fate"] not in ("done", "failed", "unknown", "not_started")] == []
    finally:
        await ledger.close()


def _look_at_the_logs(work: Path) -> None:
    """No edit was silently made twice."""
    logs = [path.read_text().splitlines() for path in sorted(work.glob("agents/*/log.txt"))]
    assert len(logs) == WORKERS
    assert [log for log in logs if len(set(log)) != len(log)] == []
