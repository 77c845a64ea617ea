"""``clawgroups doctor``: a row for each thing, true in good homes and bad ones, each with a way to mend it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_steps import claw, wait_for

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.postgres import PostgresServer
from clawgroups.testing.server_process import ServerProcess

NEEDED = {
    "python",
    "home",
    "disk",
    "database",
    "server",
    "port",
    "sandbox",
    "git",
    "model servers",
    "backend",
    "bench peers",
}


def _rows(home: Path, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
    done = claw("doctor", "--json", *words, home=home, env=env)
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] == (done.returncode == 0)
    for row in found["rows"]:
        assert row["detail"], row
        assert row["state"] == "ok" or row["hint"], f"a row that is not ok says how to mend it: {row}"
    return done.returncode, {row["name"]: row for row in found["rows"]}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that a server has used and left."""
    home = tmp_path_factory.mktemp("doctor") / "home"
    with ServerProcess(home, pages=False) as server:
        server.stop()
    return home


def test_before_the_first_start_all_that_is_needed_works_and_nothing_is_made(tmp_path: Path) -> None:
    status, rows = _rows(tmp_path / "home")
    assert status == 0, rows
    assert rows.keys() >= NEEDED
    assert "first start" in rows["database"]["detail"]
    assert not (tmp_path / "home").exists()
    told = claw("doctor", home=tmp_path / "home")
    assert told.returncode == 0
    assert told.stdout.endswith("All that is needed works.\n")


def test_whether_the_backend_could_run_is_told_with_what_is_missing(tmp_path: Path) -> None:
    _, rows = _rows(tmp_path / "home", env={"CLAWGROUPS_BACKEND": "http://127.0.0.1:8712"})
    assert rows["backend"]["state"] == "ok"
    assert rows["backend"]["detail"].startswith("http://127.0.0.1:8712 is set. ")
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'torch' else find(name, package)\n"
    )
    status, rows = _rows(tmp_path / "home", env={"PYTHONPATH": str(hidden)})
    assert (status, rows["backend"]["state"]) == (0, "warn")
    assert "lacks torch" in rows["backend"]["detail"]
    assert "clawgroups backend setup" in rows["backend"]["hint"]


def test_beside_a_running_server_its_ledger_runner_and_members_are_told(server: ServerProcess) -> None:
    status, rows = _rows(server.home)
    assert status == 0, rows
    assert f"owned by process {server.pid}" in rows["database"]["detail"]
    assert server.url in rows["server"]["detail"]
    assert rows["ledger"]["state"] == rows["runner"]["state"] == "ok"
    assert rows["member Survey worker"]["state"] == "ok"
    assert rows["sandbox"]["detail"] == "bubblewrap works; commands in it see no network."


def test_without_a_server_the_members_are_asked_from_here(used: Path) -> None:
    status, rows = _rows(used)
    assert status == 0, rows
    assert "owned by nobody" in rows["database"]["detail"]
    assert rows["member Survey conductor"]["detail"].startswith("Survey conductor started and answered")


def test_a_model_with_a_wrong_key_or_name_or_address_is_a_failure_that_says_so(server: ServerProcess) -> None:
    with ModelProcess(rate=0) as model:
        for name, url, wanted, env in (
            ("Right", model.base_url, "echo", ""),
            ("Misnamed", model.base_url, "nobody", ""),
            ("Unreachable", "http://127.0.0.1:9/v1", "echo", ""),
            ("Keyless", model.base_url, "echo", "CLAW_TEST_KEY"),
        ):
            key = ("--key-env", env) if env else ()
            made = claw("members", "add", "model", name, "--url", url, "--model", wanted, *key, home=server.home)
            assert made.returncode == 0, made.stderr
        status, rows = _rows(server.home)
    for name in ("right", "misnamed", "unreachable", "keyless"):
        assert claw("members", "remove", name, home=server.home).returncode == 0
    assert status == 1
    assert rows["member Right"]["state"] == "ok"
    assert "nobody" in rows["member Misnamed"]["detail"]
    assert rows["member Unreachable"]["state"] == "fail"
    assert "CLAW_TEST_KEY" in rows["member Keyless"]["hint"]


def _joined(server: ServerProcess) -> None:
    status = f"{server.api}/status"
    wait_for(lambda: httpx.get(status).json()["runner"]["state"] == "up", "the joining of the runner")


def _hint(rows: dict[str, dict[str, Any]], name: str) -> str:
    return str(rows[f"member {name}"]["hint"])


def test_a_rejected_key_is_told_with_the_command_that_mends_it_and_that_command_does(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ModelProcess(rate=0, key="sk-the-right-one") as model:
        env = {"CLAW_OLD_KEY": "sk-a-wrong-one", "CLAW_NEW_KEY": "sk-the-right-one"}
        with ServerProcess(home, pages=False, env=env) as server:
            _joined(server)
            words = ("--url", model.base_url, "--model", "echo", "--key-env", "CLAW_OLD_KEY")
            assert claw("members", "add", "model", "Locked", *words, home=home).returncode == 0
            status, rows = _rows(home)
            assert status == 1
            assert "refused the key (401)" in rows["member Locked"]["detail"]
            assert "Set the right key" in _hint(rows, "Locked")
            assert "clawgroups members edit locked" in _hint(rows, "Locked")
            told = claw("doctor", home=home)
            assert told.returncode == 1
            assert "clawgroups members edit locked" in told.stdout, "for people too"
            assert told.stdout.endswith("Needed and not working: member Locked.\n")
            server.stop()
        status, rows = _rows(home, env=env)
        assert (status, "refused the key (401)" in rows["member Locked"]["detail"]) == (1, True), "from here as well"
        with ServerProcess(home, pages=False, env=env) as server:
            assert claw("members", "edit", "locked", "--key-env", "CLAW_NEW_KEY", home=home).returncode == 0
            _joined(server)
            status, rows = _rows(home)
            assert (status, rows["member Locked"]["state"]) == (0, "ok"), rows
            assert "sk-" not in json.dumps(rows)
            server.stop()


def test_a_model_that_is_not_there_is_told_with_those_that_are(server: ServerProcess) -> None:
    with ModelProcess(rate=0) as model:
        words = ("--url", model.base_url, "--model", "kimi-k9")
        assert claw("members", "add", "model", "Absent", *words, home=server.home).returncode == 0
        status, rows = _rows(server.home)
    assert claw("members", "remove", "absent", home=server.home).returncode == 0
    assert status == 1
    assert "knows no model 'kimi-k9'" in rows["member Absent"]["detail"]
    assert "The server has: echo," in _hint(rows, "Absent")


def test_servers_that_hang_are_told_and_do_not_add_up(tmp_path: Path) -> None:
    home, count = tmp_path / "home", 6
    with socket.socket() as hanging:  # it takes connections and says nothing
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(200)
        port = hanging.getsockname()[1]
        with ServerProcess(home, pages=False) as server:
            _joined(server)
            for number in range(count):
                words = ("--url", f"http://127.0.0.1:{port}/v1", "--model", "kimi")
                made = claw("members", "add", "model", f"Mute {number}", *words, home=home)
                assert made.returncode == 0, made.stderr
            asked = time.monotonic()
            by_server = _rows(home)
            took = [time.monotonic() - asked]
            server.stop()
        asked = time.monotonic()
        from_here = _rows(home)
        took.append(time.monotonic() - asked)
    for status, rows in (by_server, from_here):
        assert status == 1
        assert rows["member Survey worker"]["state"] == "ok", "the others are told all the same"
        for number in range(count):
            assert f"127.0.0.1:{port} did not answer within" in rows[f"member Mute {number}"]["detail"]
            assert "overloaded or stuck" in _hint(rows, f"Mute {number}")
            assert f"clawgroups members edit mute-{number}" in _hint(rows, f"Mute {number}")
    assert max(took) < 40, took


def test_a_control_room_that_hangs_is_told_in_bounded_time(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            asked = time.monotonic()
            status, rows = _rows(server.home)
            took = time.monotonic() - asked
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert rows["server"]["state"] == "warn"
        assert "does not answer" in rows["server"]["detail"]
        assert rows["database"]["state"] == "warn", "somebody owns it, and it is not this home's running server"
        assert status == 0, "nothing that is needed is broken"
        assert took < 40
        server.stop()


def test_a_newer_database_is_told_and_left_alone(used: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    source, copy = sqlite3.connect(used / "clawgroups.db"), sqlite3.connect(home / "clawgroups.db")
    source.backup(copy)
    copy.execute("UPDATE alembic_version SET version_num = '9999'")
    copy.commit()
    source.close()
    copy.close()
    status, rows = _rows(home)
    assert status == 1
    assert "9999" in rows["database"]["detail"]
    assert "Install that version or newer" in rows["database"]["hint"]
    assert [file.name for file in home.glob("*.backup-*")] == []


def test_a_damaged_database_and_a_wrong_address_are_told(tmp_path: Path) -> None:
    (tmp_path / "clawgroups.db").write_bytes(b"this is no database, and long enough to be looked at" * 10)
    status, rows = _rows(tmp_path)
    assert status == 1
    assert "damaged or not a database" in rows["database"]["detail"]
    status, rows = _rows(tmp_path, "--database", "mysql://user:secret@host/x")
    assert status == 1
    assert "cannot be used" in rows["database"]["detail"]
    assert "secret" not in json.dumps(rows)


def test_a_file_in_the_way_of_the_home_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        status, rows = _rows(home)
        assert status == 1
        assert "is a file, not a folder" in rows["home"]["detail"]


def test_a_server_json_that_is_left_over_or_lies_is_told(used: Path) -> None:
    left = used / "server.json"
    try:
        left.write_text(json.dumps({"url": "http://127.0.0.1:9", "home": str(used), "pid": 2**22 + 7}))
        status, rows = _rows(used)
        assert (status, rows["server"]["state"]) == (0, "ok")
        assert "left over" in rows["server"]["detail"]
        left.write_text(json.dumps({"url": "http://127.0.0.1:9", "home": str(used), "pid": os.getpid()}))
        assert _rows(used)[1]["server"]["state"] == "warn"
    finally:
        left.unlink()


def test_a_port_that_is_taken_and_a_machine_without_bubblewrap_or_git_are_told(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, rows = _rows(tmp_path / "home", env={"CLAWGROUPS_PORT": port, "PATH": str(tmp_path / "bin")})
    assert status == 1, "git is needed"
    assert (rows["port"]["state"], rows["sandbox"]["state"], rows["git"]["state"]) == ("warn", "warn", "fail")
    assert port in rows["port"]["detail"]
    assert "apt-get install bubblewrap" in rows["sandbox"]["hint"]
    told = claw("doctor", home=tmp_path / "home", env={"PATH": str(tmp_path / "bin")})
    assert told.stdout.endswith("Needed and not working: git.\n")


def test_a_runner_that_was_restarted_is_told(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        os.kill(first := server.runner_pid(), 9)
        wait_for(lambda: server.runner_pid() != first, "another runner")
        rows = wait_for(
            lambda: next((r for _, r in [_rows(server.home)] if r["runner"]["state"] == "warn"), None), "the row"
        )
        assert "restarted 1 times" in rows["runner"]["detail"]


def test_postgresql_is_looked_at_by_its_url(tmp_path: Path, postgres: PostgresServer) -> None:
    name = f"claw_{secrets.token_hex(6)}"
    postgres.create(name)
    postgres_url = postgres.url(name)
    status, rows = _rows(tmp_path / "home", "--database", postgres_url)
    assert status == 0, rows
    assert "empty, owned by nobody now" in rows["database"]["detail"]
    with ServerProcess(tmp_path / "home", pages=False, args=("--database", postgres_url)):
        status, rows = _rows(tmp_path / "home", "--database", postgres_url)
        assert status == 0, rows
        assert "owned by a server" in rows["database"]["detail"]
    status, rows = _rows(tmp_path / "home", "--database", "postgresql+asyncpg://nobody:secret@127.0.0.1:9/none")
    assert status == 1
    assert rows["database"]["detail"].startswith("The database server does not answer.")
    assert "secret" not in json.dumps(rows)
