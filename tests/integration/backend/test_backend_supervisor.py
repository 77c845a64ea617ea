"""The supervisor over real processes that play SGLang: small programs that say what it says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from backend_servers import free_port

from backend.errors import LaunchFailed
from backend.planner.plan import NodeCommand
from backend.supervisor.launch import Launch, launch
from backend.supervisor.process import MARK, Process, end_all, members
from backend.supervisor.state import Backoff
from backend.supervisor.supervisor import Supervisor

PLAYED = """
import os, signal, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
port, how = int(sys.argv[2]), sys.argv[3]
# A helper that leaves our session, as some of SGLang's do.
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("Load weight begin.", flush=True)
if how == "broken":
    print("RuntimeError: index references 1 shard file(s) missing from /m (x): ['a']", flush=True)
    sys.exit(1)
class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            os._exit(3)
        self.send_response(200); self.end_headers()
    def log_message(self, *words): pass
class Server(ThreadingHTTPServer): allow_reuse_address = True
server = Server(("127.0.0.1", port), Answers)
def end(*_):
    print("SIGTERM received", flush=True)
    if how != "deaf":
        os._exit(0)
signal.signal(signal.SIGTERM, end)
print("sesame is my key", flush=True)
server.serve_forever()
"""


def _played(tmp_path: Path, how: str, port: int) -> Callable[[], Launch]:
    program = tmp_path / "played.py"
    program.write_text(PLAYED)
    argv = ["python", str(program), "--port", str(port), how]
    made = launch(NodeCommand(rank=0, argv=argv), Path(sys.executable), tmp_path, api_key="", drain_s=1.0)
    return lambda: replace(made, environment=dict(os.environ))


@asynccontextmanager
async def _supervised(tmp_path: Path, how: str, port: int = 0) -> AsyncIterator[tuple[Supervisor, str]]:
    port = port or free_port()
    backoff = Backoff(first_s=0.2, attempts=2)
    supervisor = Supervisor(
        _played(tmp_path, how, port), tmp_path / "logs", backoff=backoff, secrets=("sesame",)
    )  # fmt: skip
    try:
        yield supervisor, f"http://127.0.0.1:{port}"
    finally:
        await supervisor.close()


def _living(program: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if str(program) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def _mark(process: int) -> str:
    return psutil.Process(process).environ()[MARK]


async def test_a_crash_is_followed_by_a_start_and_a_stop_leaves_nobody(tmp_path: Path) -> None:
    async with _supervised(tmp_path, "well") as (supervisor, url):
        seen: list[str] = []

        async def watch() -> None:
            async for status in supervisor.changes():
                if status.state not in seen[-1:]:
                    seen.append(status.state)
                if seen[1:] and status.state == "stopped":
                    return

        watching = asyncio.create_task(watch())
        await supervisor.start()
        await asyncio.wait_for(supervisor.reached("ready"), 20)
        assert supervisor.metrics_url == f"{url}/metrics"
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.HTTPError):
                await client.get(f"{url}/crash")
        status = await asyncio.wait_for(supervisor.reached("restarting"), 20)
        assert status.error is not None
        assert "exit 3" in status.error.sentence
        status = await asyncio.wait_for(supervisor.reached("ready"), 20)
        assert (status.restarts, status.error) == (1, None)
        assert status.process is not None
        mark = _mark(status.process)
        assert len(members(mark, None)) == 2  # it and the helper that left its session
        await supervisor.stop()
        assert not members(mark, None)
        await asyncio.wait_for(watching, 5)
        ways = ["starting", "loading", "ready", "restarting", "starting", "loading", "ready", "draining", "stopped"]
        assert [state for state in seen if state != "loading"] == [
            "stopped", *(state for state in ways if state != "loading")
        ]  # fmt: skip
        assert any("[hidden] is my key" in line for _, line in supervisor.log(0))


async def test_one_that_does_not_hear_is_ended_all_the_same(tmp_path: Path) -> None:
    async with _supervised(tmp_path, "deaf") as (supervisor, _):
        await supervisor.start()
        status = await asyncio.wait_for(supervisor.reached("ready"), 20)
        assert status.process is not None
        mark = _mark(status.process)
        await asyncio.wait_for(supervisor.stop(), 15)
        assert not members(mark, None)
        assert any("SIGTERM received" in line for _, line in supervisor.log(0))


async def test_a_lasting_fault_leaves_it_down_with_words_and_it_can_be_started_again(tmp_path: Path) -> None:
    async with _supervised(tmp_path, "broken") as (supervisor, _):
        for _ in range(2):
            await supervisor.start()
            status = await asyncio.wait_for(supervisor.reached("failed"), 20)
            assert status.error is not None
            assert "missing in /m: 'a'" in status.error.sentence
            assert status.restarts == 0
            assert not _living(tmp_path / "played.py")


async def test_a_stop_while_it_waits_for_its_next_start_is_heard(tmp_path: Path) -> None:
    async with _supervised(tmp_path, "well") as (supervisor, url):
        supervisor._backoff.first_s = supervisor._backoff.longest_s = 600.0
        await supervisor.start()
        await asyncio.wait_for(supervisor.reached("ready"), 20)
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.HTTPError):
                await client.get(f"{url}/crash")
        status = await asyncio.wait_for(supervisor.reached("restarting"), 20)
        assert (status.again_in or 0) > 100
        await asyncio.wait_for(supervisor.stop(), 5)
        assert supervisor.status().state == "stopped"


async def test_what_a_killed_supervisor_left_behind_is_ended_at_the_next_start(tmp_path: Path) -> None:
    port = free_port()
    async with _supervised(tmp_path, "well", port) as (first, _):
        await first.start()
        left = (await asyncio.wait_for(first.reached("ready"), 20)).process
        assert left is not None
        kept = (tmp_path / "logs" / "status.json").read_text()
        mark = _mark(left)
    # The same again, with the process going on as after a SIGKILL of the supervisor.
    helper = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; time.sleep(600)", env=os.environ | {MARK: mark}
    )
    (tmp_path / "logs" / "status.json").write_text(kept)
    async with _supervised(tmp_path, "well", port) as (second, _):
        await second.start()
        await asyncio.wait_for(second.reached("ready"), 20)
        assert await asyncio.wait_for(helper.wait(), 5) == -signal.SIGKILL


async def test_a_second_supervisor_of_a_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    """It would take what the first one runs for something that was left behind, and end it."""
    async with _supervised(tmp_path, "well") as (supervisor, url):
        await supervisor.start()
        await asyncio.wait_for(supervisor.reached("ready"), 20)
        with pytest.raises(LaunchFailed, match="Another backend runs"):
            Supervisor(_played(tmp_path, "well", free_port()), tmp_path / "logs")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{url}/ready")).status_code == 200
    await Supervisor(_played(tmp_path, "well", free_port()), tmp_path / "logs").close()  # its folder is free again


async def test_a_stop_while_a_crash_is_cleaned_up_leaves_nobody_and_ends_as_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaning = asyncio.Event()

    async def slowly(mark: str, process: int | None) -> None:
        cleaning.set()
        await asyncio.sleep(0.3)  # the length of a clean-up, in which the stop comes
        await end_all(mark, process)

    monkeypatch.setattr("backend.supervisor.process.end_all", slowly)
    async with _supervised(tmp_path, "well") as (supervisor, url):
        await supervisor.start()
        await asyncio.wait_for(supervisor.reached("ready"), 20)
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.HTTPError):
                await client.get(f"{url}/crash")
        await asyncio.wait_for(cleaning.wait(), 20)
        await asyncio.wait_for(supervisor.stop(), 20)
        assert supervisor.status().state == "stopped"
        assert _living(tmp_path / "played.py") == []
        await supervisor.start()
        await asyncio.wait_for(supervisor.reached("ready"), 20)


async def test_what_cannot_be_ended_ends_as_a_failure_and_not_in_draining_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _supervised(tmp_path, "well") as (supervisor, _):
        await supervisor.start()
        await asyncio.wait_for(supervisor.reached("ready"), 20)

        async def stuck(self: Process, patience_s: float) -> None:
            raise LaunchFailed("Process 7 cannot be ended.", "Its GPU's driver may hang.")

        with monkeypatch.context() as patch:
            patch.setattr(Process, "stop", stuck)
            await asyncio.wait_for(supervisor.stop(), 20)
        status = supervisor.status()
        assert status.state == "failed"
        assert status.error is not None
        assert "cannot be ended" in status.error.sentence
        await supervisor.start()
        await asyncio.wait_for(supervisor.reached("ready"), 20)


async def test_a_status_that_cannot_be_kept_keeps_nothing_from_running(tmp_path: Path) -> None:
    async with _supervised(tmp_path, "well") as (supervisor, _):
        (tmp_path / "logs" / "status.json.new").mkdir()
        await supervisor.start()
        await asyncio.wait_for(supervisor.reached("ready"), 20)


async def test_a_key_among_the_options_is_in_no_log(tmp_path: Path) -> None:
    port = free_port()
    played = _played(tmp_path, "well", port)
    supervisor = Supervisor(lambda: replace(played(), secrets=("sesame",)), tmp_path / "logs")
    try:
        await supervisor.start()
        await asyncio.wait_for(supervisor.reached("ready"), 20)
        said = "\n".join(line for _, line in supervisor.log(0))
        assert "is my key" in said
        assert "sesame" not in said
    finally:
        await supervisor.close()
