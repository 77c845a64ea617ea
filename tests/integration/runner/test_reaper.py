"""Stop means stopped: found by looking in /proc, whatever the processes did to get away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from operator import attrgetter
from pathlib import Path

import pytest
from runner_rooms import alive_with, marked, until

from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import OUTSIDE, Limits, confined

ENV = {"PATH": os.environ["PATH"]}
DAEMONS = {
    "setsid": "setsid sleep {n} & setsid -f sleep {n}; sleep {n}",
    "nohup": "nohup sleep {n} >/dev/null 2>&1 & exit 0",
    "double fork": "(setsid sh -c '(sleep {n} &) ; sleep {n}' &) ; sleep {n}",
    "ignores SIGTERM": "trap '' TERM HUP INT; setsid sh -c 'sleep {n}; sleep {n}' & sleep {n}; sleep {n}",
    "clears its environment": "env -i setsid sleep {n} & env -i sh -c 'setsid -f sleep {n}'; sleep {n}",
    "many": "for i in $(seq 60); do setsid sleep {n} & done; wait",
    "breeds": "f() {{ while :; do setsid sh -c 'sleep {n}' & sleep 0.005; done; }}; trap '' TERM; f",
}


@pytest.mark.parametrize("way", DAEMONS)
async def test_whatever_a_program_started_is_gone_after_a_stop_within_half_a_second(way: str, tmp_path: Path) -> None:
    reaper, seat = Reaper(), f"t-{secrets.token_hex(4)}.1"
    sleep = str(100_000 + secrets.randbelow(10**9))
    await reaper.spawn(seat, ["sh", "-c", DAEMONS[way].format(n=sleep)], cwd=tmp_path, env=ENV)
    if way == "nohup":
        await asyncio.sleep(0.05)
    else:
        await until(lambda: bool(alive_with(sleep)))
    began = time.monotonic()
    proof = await reaper.stop(seat)
    took = time.monotonic() - began
    assert alive_with(sleep) == []
    assert marked(seat) == []
    assert proof.left == 0
    assert "PID namespace" in proof.detail
    assert took < 0.5 * 1.6  # half a second is for the usual case; the cores are shared


async def test_a_stop_while_a_program_is_just_starting_leaves_nothing(tmp_path: Path) -> None:
    reaper = Reaper()
    sleep = str(100_000 + secrets.randbelow(10**9))
    for delay in (0, 0.0005, 0.001, 0.002, 0.004, 0.008):
        seat = f"t-{secrets.token_hex(4)}.1"
        starting = asyncio.ensure_future(reaper.spawn(seat, ["sleep", sleep], cwd=tmp_path, env=ENV))
        await asyncio.sleep(delay)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        assert (await reaper.stop(seat)).left == 0
        assert marked(seat) == []
    assert alive_with(sleep) == []


async def test_fifty_stops_at_once_share_scans_and_disturb_no_other_seat(tmp_path: Path) -> None:
    reaper, run = Reaper(), secrets.token_hex(4)
    sleep = str(100_000 + secrets.randbelow(10**9))
    scans = 0
    scan_in_thread = reaper._in_thread

    async def counted() -> object:
        nonlocal scans
        scans += 1
        return await scan_in_thread()

    reaper._in_thread = counted  # type: ignore[method-assign,assignment]  # counts, and does the real thing
    seats = [f"t-{run}-{number}.1" for number in range(50)]
    for seat in (*seats, f"t-{run}-other.1"):
        await reaper.spawn(seat, ["sleep", sleep], cwd=tmp_path, env=ENV)
    proofs = await asyncio.gather(*(reaper.stop(seat) for seat in seats))
    assert [proof.left for proof in proofs] == [0] * 50
    assert not any(marked(seat) for seat in seats)
    assert marked(f"t-{run}-other.1")
    assert scans <= 20
    await reaper.stop(f"t-{run}-other.1")
    assert alive_with(sleep) == []


async def test_stops_that_are_cooperative_take_no_time(tmp_path: Path) -> None:
    reaper = Reaper()
    took = []
    for number in range(6):
        seat = f"t-{secrets.token_hex(4)}.{number}"
        await reaper.spawn(seat, ["cat"], cwd=tmp_path, env=ENV)
        began = time.monotonic()
        await reaper.stop(seat)
        took.append(time.monotonic() - began)
    assert sorted(took)[3] < 0.2


async def test_without_namespaces_marked_daemons_are_found_and_the_proof_says_what_it_misses(
    tmp_path: Path,
) -> None:
    reaper, seat = Reaper(namespaces=False), f"t-{secrets.token_hex(4)}.1"
    sleep = str(100_000 + secrets.randbelow(10**9))
    await reaper.spawn(seat, ["sh", "-c", f"setsid -f sleep {sleep}; sleep {sleep}"], cwd=tmp_path, env=ENV)
    await until(lambda: len(alive_with(f"sleep\0{sleep}")) == 2)
    proof = await reaper.stop(seat)
    assert alive_with(sleep) == []
    assert proof.found >= 2
    assert "only processes that keep their mark" in proof.detail


async def test_a_process_that_merely_mentions_the_mark_is_let_be(tmp_path: Path) -> None:
    reaper, seat = Reaper(), f"t-{secrets.token_hex(4)}.1"
    env = {**ENV, "NOTE": f"CLAWGROUPS_SEAT={seat}"}
    other = await asyncio.create_subprocess_exec("sleep", "30", env=env)
    await reaper.stop(seat)
    assert other.returncode is None
    other.kill()
    await other.wait()


async def test_a_killed_command_in_the_sandbox_takes_its_daemons_with_it(tmp_path: Path) -> None:
    reaper, seat = Reaper(), f"t-{secrets.token_hex(4)}.1"
    sleep = str(100_000 + secrets.randbelow(10**9))
    command = f"env -i setsid -f sleep {sleep}; sleep {sleep}"
    argv = confined(["/bin/sh", "-c", command], tmp_path, None, Limits(), seat)
    process = await reaper.spawn(seat, argv, cwd=tmp_path, env=OUTSIDE, confined=True, stdin=False)
    await until(lambda: len(alive_with(f"sleep\0{sleep}")) == 2)
    assert await reaper.count(process) >= 4
    proof = await reaper.stop(seat)
    assert (proof.left, alive_with(sleep)) == (0, [])


async def test_a_new_runner_sweeps_away_what_a_killed_one_left(tmp_path: Path) -> None:
    sleep = str(100_000 + secrets.randbelow(10**9))
    code = (
        "import asyncio, os, pathlib\n"
        "from clawgroups.runner.reaper import Reaper\n"
        "async def main():\n"
        f"    await Reaper(namespaces=False).spawn('dead.1', ['setsid', '-f', 'sleep', '{sleep}'], "
        "cwd=pathlib.Path('/'), env=dict(os.environ))\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    former = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert former.stdout is not None
    await former.stdout.readline()
    await until(lambda: bool(alive_with(f"sleep\0{sleep}")))
    reaper = Reaper()
    await reaper.sweep()
    assert alive_with(f"sleep\0{sleep}"), "its runner still lives"
    former.send_signal(signal.SIGKILL)
    await former.wait()
    assert await reaper.sweep() >= 1
    await until(lambda: alive_with(f"sleep\0{sleep}") == [])


async def test_the_pipes_of_a_process_that_was_ended_are_closed_however_much_it_said(tmp_path: Path) -> None:
    reaper, seat = Reaper(), f"t-{secrets.token_hex(4)}.1"
    process = await reaper.spawn(seat, ["sh", "-c", "yes | head -c 30000000; sleep 600"], cwd=tmp_path, env=ENV)
    assert process.stdout is not None
    paused = attrgetter("_paused")  # asyncio does not say it in public
    await until(lambda: bool(paused(process.stdout)))  # so much waits that the pipe itself is read no more
    await reaper.end(process, seat)
    assert process.stdout.at_eof()
    assert (await reaper.stop(seat)).left == 0
