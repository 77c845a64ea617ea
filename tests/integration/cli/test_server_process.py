"""A server as a process: it announces itself, ends cleanly whatever is open, and comes back on the same home."""

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
from cli_steps import wait_for
from websockets.sync.client import connect

from clawgroups.testing.server_process import ServerProcess


def _group(api: str, folder: Path) -> str:
    (folder / "one.py").write_text("def one():\n    return 1\n")
    body = {"name": "small", "template": "survey", "folder": str(folder)}
    made = httpx.post(f"{api}/groups", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_it_announces_itself_with_one_line_of_json_and_answers(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        assert server.facts == {"url": server.url, "home": str(tmp_path / "home"), "pid": server.pid}
        assert json.loads((tmp_path / "home" / "server.json").read_text()) == server.facts
        assert httpx.get(f"{server.api}/status").json()["ledger"]["state"] == "ok"
        assert psutil.pid_exists(server.runner_pid())
        server.stop()
        assert not (tmp_path / "home" / "server.json").exists()


def test_it_ends_cleanly_with_feeds_open_whether_they_are_read_or_not(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        group = _group(server.api, tmp_path)
        address = f"ws{server.api.removeprefix('http')}/groups/{group}/feed"
        runner = server.runner_pid()
        with connect(address) as read, connect(address):
            assert json.loads(read.recv(timeout=10))["t"] == "snapshot"
            started = time.monotonic()
            server.stop()
            assert time.monotonic() - started < 8
        assert not psutil.pid_exists(runner)


def test_ctrl_c_ends_it_as_cleanly(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        server.runner_pid()
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(10) == 0
        assert "Traceback" not in server.log_text()


def test_ctrl_c_is_told_in_one_line_and_looks_like_no_crash(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        group = _group(server.api, tmp_path)
        server.runner_pid()
        wait_for(lambda: httpx.get(f"{server.api}/status").json()["runner"]["sandbox"]["level"])
        httpx.post(f"{server.api}/groups/{group}/start").raise_for_status()
        wait_for(lambda: httpx.get(f"{server.api}/groups/{group}").json()["counts"]["waiting"])
        before = len(server.log_text())
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(10) == 0
        said = server.log_text()[before:].splitlines()
        assert said[-1].endswith("INFO clawgroups.up Stopped; what is under way goes on at the next start.")
        assert not [line for line in said if " WARNING " in line or " ERROR " in line or "the link is down" in line]


def test_a_runner_that_is_lost_while_the_server_runs_is_told_of(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        wait_for(lambda: httpx.get(f"{server.api}/status").json()["runner"]["sandbox"]["level"])
        os.kill(server.runner_pid(), signal.SIGKILL)
        wait_for(lambda: "WARNING clawgroups.crew runner lost: the runner ended with status -9" in server.log_text())
        server.stop()


def test_after_a_kill_nothing_is_left_and_a_restart_finds_the_groups(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        group = _group(server.api, tmp_path)
        runner = server.runner_pid()
        server.kill()
        assert not psutil.pid_exists(runner)
        assert (tmp_path / "home" / "server.json").exists(), "a crash leaves a stale server.json behind"
        server.restart()
        assert httpx.get(f"{server.api}/groups/{group}").json()["name"] == "small"
        server.restart()
        assert [g["id"] for g in httpx.get(f"{server.api}/groups").json()["groups"]] == [group]
        server.stop()


def test_a_server_that_cannot_start_says_why_with_the_log(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "clawgroups.db").write_bytes(b"this is no database, and long enough to be looked at" * 10)
    server = ServerProcess(home, pages=False)
    with pytest.raises(RuntimeError, match="not a database"), server:
        pytest.fail("it started on a damaged database")
    assert not server.alive


def test_a_stop_that_is_not_clean_is_reported(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        os.kill(server.pid, signal.SIGKILL)
        assert server.wait(5) == -signal.SIGKILL
        with pytest.raises(AssertionError, match="ended with status -9"):
            server.stop()


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "clawgroups", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.count(".") >= 2
