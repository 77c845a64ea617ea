"""``clawgroups take-over``: the wheel in a terminal, by a prompt and by options, and what is said when it is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_steps import PATIENCE_S, Running, agents, claw, ended, start_group, wait_for, worker_at_work

from clawgroups.testing.server_process import ServerProcess


def _agent(client: httpx.Client, agent: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/agents/{agent}").json()
    return found


def _thread(client: httpx.Client, agent: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/agents/{agent}/transcript").json()["entries"]
    return found


@pytest.fixture
def worker(client: httpx.Client, folder: Path) -> Iterator[str]:
    """A worker that streams slowly; its group is cancelled afterwards."""
    group = start_group(client, folder)
    yield worker_at_work(client, group)
    if not client.get(f"/groups/{group}").json()["ended_at"]:
        client.post(f"/groups/{group}/cancel").raise_for_status()


def test_a_whole_take_over_by_the_prompt_to_hand_back_and_the_groups_end(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    group = start_group(client, folder, pace=4)
    worker = worker_at_work(client, group)
    lines = [
        "help", "tools", "tools read_file", "task",
        "say I look at it myself.",
        "call measure_file path=source/part0.py",
        'call write_file {"path": "mine.txt", "content": "by hand"}',
        "files", "diff", "thread 2", "preview be quick", "hand-back You need not measure it again.",
    ]  # fmt: skip
    done = claw("take-over", worker, home=server.home, said="\n".join(lines) + "\n")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    said = done.stdout
    assert "driven so far by Survey worker (program) since" in said
    assert "proof of the stop, after" in said
    assert "left 0" in said
    assert "assistant, step 0, interrupted, unfinished" in said, "what it was saying is shown"
    assert "path (string, needed): The file" in said
    assert "Survey the file source/part" in said
    assert '"function_count": 1' in said, "the result of the call is shown"
    assert "added\tmine.txt\t7 bytes" in said
    assert "+by hand" in said
    assert "note to you:\nbe quick" in said
    assert "is driving; driver: Survey worker (program)" in said
    assert ended(client, group)["status"] == "finished"
    kinds = [entry["kind"] for entry in _thread(client, worker)]
    assert "hand_back" in kinds
    record = next(entry for entry in _thread(client, worker) if entry["kind"] == "hand_back")
    assert "You need not measure it again." in record["content"]
    assert _agent(client, worker)["state"] == "done"


def test_a_whole_take_over_by_options_to_the_end(server: ServerProcess, client: httpx.Client, worker: str) -> None:
    call = ("--say", "I measure.", "--call", "measure_file", json.dumps({"path": "source/part1.py"}))
    done = claw("take-over", worker, *call, home=server.home)
    assert done.returncode == 0, done.stderr
    assert "I measure." in done.stdout
    assert '"functions": ["f1"]' in done.stdout
    assert "you keep the wheel of" in done.stdout
    assert f"come back: clawgroups take-over {worker} --home {server.home}" in done.stdout
    assert _agent(client, worker)["driver"]["kind"] == "person"

    again = claw("take-over", worker, "--hand-back", "Go on.", home=server.home)
    assert again.returncode == 0, again.stderr
    assert "you hold its wheel already" in again.stdout
    assert _agent(client, worker)["driver"]["id"] == "survey-worker"

    last = claw("take-over", worker, "--finish", "It is a part.", home=server.home)
    assert last.returncode == 0, last.stderr
    assert "is done; driver: nobody" in last.stdout
    assert _thread(client, worker)[-1]["content"] == "It is a part."


def test_after_the_step_means_that_nothing_is_stopped(server: ServerProcess, client: httpx.Client, worker: str) -> None:
    done = claw("take-over", worker, "--after-step", "--say", "Now me.", home=server.home)
    assert done.returncode == 0, done.stderr
    assert "waiting for the end of its step" in done.stdout
    assert not any(entry["unfinished"] for entry in _thread(client, worker))
    assert "Now me." in [entry["content"] for entry in _thread(client, worker)]


def test_a_slip_at_the_prompt_is_told_and_writes_nothing(
    server: ServerProcess, client: httpx.Client, worker: str
) -> None:
    lines = ["delete everything", "say", ".", "call nothing a=1", "call read_file 1", "call read_file paht=x",
             'call read_file "', "call read_file {oh", "call read_file [1]", "call read_file limit=many", "thread many",
             "finish", "leave"]  # fmt: skip
    done = claw("take-over", worker, home=server.home, said="\n".join(lines) + "\n")
    assert done.returncode == 0
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(told) == 11, done.stderr
    assert "There is no command 'delete'; nothing was written." in told[0]
    assert "read_file has no argument 'paht'." in done.stderr
    assert "hint: It has: path, offset, limit." in done.stderr
    assert [e for e in _thread(client, worker) if e["by_kind"] == "person"] == []
    assert "you keep the wheel of" in done.stdout, "leave says what becomes of the wheel"
    assert _agent(client, worker)["driver"]["kind"] == "person"


def test_a_wrong_call_in_the_options_stops_nobody(server: ServerProcess, client: httpx.Client, worker: str) -> None:
    for name, text, told in (("nothing", "{}", "no tool 'nothing'"), ("read_file", "[1]", "no object")):
        done = claw("take-over", worker, "--call", name, text, home=server.home)
        assert done.returncode == 1
        assert told in done.stderr
    assert claw("take-over", worker, "--finish", "x", "--hand-back", "y", home=server.home).returncode == 1
    done = claw("take-over", worker, "--hand-back", "ok", "--to", "nobody-such", home=server.home)
    assert (done.returncode, "no member 'nobody-such'" in done.stderr) == (1, True)
    assert _agent(client, worker)["epoch"] == 1


def test_a_wheel_that_was_lost_is_told_with_who_drives_now(
    server: ServerProcess, client: httpx.Client, worker: str
) -> None:
    with Running("take-over", worker, home=server.home) as person:
        wait_for(lambda: "help lists" in person.out, "the prompt")
        moved = client.post(f"/agents/{worker}/reassign", json={"to": "survey-worker", "reason": "It was slow."})
        assert moved.status_code == 200, moved.text
        person.say("say Am I still there?")
        assert person.wait() == 0
    assert "error: The wheel is no longer yours. It is at epoch 3; Survey worker (program) since" in person.err
    assert "Nothing was written." in person.err
    assert "Am I still there?" not in [entry["content"] for entry in _thread(client, worker)]


def test_who_comes_second_is_told_who_drives(server: ServerProcess, client: httpx.Client, worker: str) -> None:
    assert claw("members", "add", "person", "Ada", home=server.home).returncode == 0
    first = claw("take-over", worker, "--say", "Mine.", "--as", "ada", home=server.home)
    assert first.returncode == 0, first.stderr
    second = claw("take-over", worker, "--say", "Mine too.", home=server.home)
    assert second.returncode == 1
    assert "Ada holds the wheel" in second.stderr
    assert "Now: Ada (person) since" in second.stderr
    assert "Mine too." not in [entry["content"] for entry in _thread(client, worker)]


def test_what_an_agent_says_cannot_steer_the_terminal(server: ServerProcess, client: httpx.Client, worker: str) -> None:
    claw("take-over", worker, "--say", "red \x1b[31m and \u202e turned", home=server.home)
    done = claw("take-over", worker, home=server.home, said="thread 1\nleave\n")
    assert "red \N{REPLACEMENT CHARACTER}[31m and" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_an_ended_or_unknown_sub_agent_is_told(server: ServerProcess, client: httpx.Client, folder: Path) -> None:
    group = start_group(client, folder, pace=0)
    ended(client, group)
    done = claw("take-over", agents(client, group)[1]["id"], home=server.home)
    assert done.returncode == 1
    assert "has ended (done)" in done.stderr
    unknown = claw("take-over", f"{group}-99", home=server.home)
    assert unknown.returncode == 1
    assert "There is no sub-agent" in unknown.stderr


def test_while_the_prompt_is_open_the_lease_is_renewed_and_afterwards_it_ends_in_a_pause(
    tmp_path: Path, folder: Path
) -> None:
    with (
        ServerProcess(tmp_path / "home", pages=False, env={"CLAWGROUPS_LEASE_S": "2"}) as server,
        httpx.Client(base_url=server.api, timeout=PATIENCE_S) as client,
    ):
        worker = worker_at_work(client, start_group(client, folder))
        with Running("take-over", worker, home=server.home) as person:
            wait_for(lambda: "help lists" in person.out, "the prompt")
            first = _agent(client, worker)["lease_until"]
            wait_for(lambda: time.time() * 1000 > first + 500, "the end of the first lease")
            assert _agent(client, worker)["lease_until"] > first
            assert _agent(client, worker)["driver"]["kind"] == "person"
            person.say("leave")
            assert person.wait() == 0
        assert "Then it is paused, never silently driven on." in person.out
        wait_for(lambda: _agent(client, worker)["state"] == "paused", "the pause after the lease")
