"""``backend serve`` is killed in the middle of its work: nothing of what it had started outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from backend_servers import free_port
from backend_steps import until

from backend.errors import LaunchFailed
from backend.supervisor.process import KEEPER, MARK, Process, members
from backend.tiny import make

GONE_WITHIN_S = 10.0
SUPERVISES = """
import asyncio, os, signal, sys
from pathlib import Path
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and that is passed on
from backend.supervisor.process import Process
tree = "import subprocess, sys, time; "
tree += "wait = [sys.executable, '-c', 'import time; time.sleep(600)']; "
tree += "subprocess.Popen(wait, start_new_session=True); subprocess.Popen(wait, env={}); "
tree += "print('up', flush=True); time.sleep(600)"
async def main():
    run = await Process.start([sys.executable, "-c", tree], dict(os.environ), Path("."))
    async for line in run.lines():
        print(run.mark, run.id, flush=True)
asyncio.run(main())
"""


def _keepers(mark: str) -> list[int]:
    return [one.pid for one in psutil.process_iter(["cmdline"]) if {KEEPER, mark} <= set(one.info["cmdline"] or ())]


def _gone(mark: str, session: int) -> None:
    """Waits, by the clock: the machine ends processes when it pleases."""
    end = time.monotonic() + GONE_WITHIN_S
    while members(mark, session) or _keepers(mark):
        assert time.monotonic() < end, (members(mark, session), _keepers(mark))
        time.sleep(0.02)


def test_a_killed_serve_takes_its_engine_and_all_of_its_helpers_with_it(tmp_path: Path) -> None:
    make(tmp_path / "tiny", architecture="DeepseekV3ForCausalLM")
    port = free_port()
    command = [sys.executable, "-m", "backend", "serve", str(tmp_path / "tiny"), "--engine", "cpu"]
    command += ["--port", str(port), "--logs", str(tmp_path / "logs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as serving:
        try:
            body = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 2}
            until(lambda: _answers(f"http://127.0.0.1:{port}/v1/chat/completions", body), "an answer")
            status = json.loads((tmp_path / "logs" / "status.json").read_text())
            tree = members(status["mark"], status["process"])
            assert len(tree) >= 2, "the engine and the chat template"
            assert len(_keepers(status["mark"])) == 1
        finally:
            serving.send_signal(signal.SIGKILL)
    _gone(status["mark"], status["process"])
    assert not [one for one in tree if psutil.pid_exists(one) and _lives(one)]


def _lives(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _answers(url: str, body: object) -> bool:
    try:
        return httpx.post(url, json=body, timeout=30, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def test_helpers_that_left_the_session_or_lost_the_mark_go_too_and_a_hang_up_ends_no_keeper() -> None:
    command, environment = [sys.executable, "-c", SUPERVISES], os.environ | {MARK: "of a run that we are in"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as supervisor:
        try:
            assert supervisor.stdout is not None
            mark, session = supervisor.stdout.readline().split()
            tree, marked, in_session = members(mark, int(session)), members(mark, None), members("", int(session))
            assert (len(tree), len(tree - marked), len(tree - in_session)) == (3, 1, 1)
            (keeper,) = _keepers(mark)
            assert MARK not in psutil.Process(keeper).environ()
            assert os.getsid(keeper) not in (os.getsid(0), int(session))
            for one in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                until(lambda one=one: _ignores(keeper, one), "the keeper's deafness")  # type: ignore[misc]
                os.kill(keeper, one)
            assert members(mark, int(session)) == tree
        finally:
            supervisor.kill()
    _gone(mark, int(session))


def _ignores(process: int, one: signal.Signals) -> bool:
    line = next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("SigIgn"))
    return bool(int(line.split()[1], 16) >> (one - 1) & 1)


async def test_a_run_that_has_ended_has_no_keeper_any_more(tmp_path: Path) -> None:
    run = await Process.start([sys.executable, "-c", "import time; time.sleep(600)"], dict(os.environ), tmp_path)
    assert len(_keepers(run.mark)) == 1
    await run.stop(5)
    assert not _keepers(run.mark)
    with pytest.raises(LaunchFailed, match="cannot be started"):
        await Process.start([str(tmp_path / "nothing")], dict(os.environ), tmp_path)
    ours = psutil.Process().children()
    assert not [one.pid for one in ours if KEEPER in one.cmdline()]
