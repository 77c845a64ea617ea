"""Groups and sub-agents in the hands of a script: listed with their ids, steered, paused, resumed and ended."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
from cli_steps import claw, start_group, worker_at_work

from clawgroups.testing.server_process import ServerProcess


def _read(client: httpx.Client, path: str) -> Any:
    return client.get(path).raise_for_status().json()


def _at_work(client: httpx.Client, folder: Path) -> tuple[str, str]:
    """A survey whose workers speak for a long time, and one of them."""
    group = start_group(client, folder, pace=1)
    return group, worker_at_work(client, group)


def _must(*words: object, home: Path) -> str:
    done = claw(*words, home=home, env={"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_sub_agents_are_listed_with_their_ids_in_a_narrow_terminal_too(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    group, agent = _at_work(client, folder)
    told = _must("agents", group, home=server.home)
    assert f" {group}-1 " in told
    assert f" {agent} " in told
    assert {one["id"] for one in json.loads(_must("agents", group, "--json", home=server.home))} >= {agent}
    day = re.compile(r"│ \d{4}-\d\d-\d\d \d\d:\d\d │$", re.MULTILINE)
    assert day.search(_must("groups", home=server.home)), "when it was started stays whole"
    missing = claw("agents", "zzzzzzzz", home=server.home)
    assert (missing.returncode, "There is no group zzzzzzzz." in missing.stderr) == (1, True)
    _must("cancel", group, home=server.home)


def test_a_sub_agent_is_steered_paused_resumed_and_ended(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    group, agent = _at_work(client, folder)
    name = _read(client, f"/agents/{agent}")["name"]
    assert _must("steer", agent, "Look twice.", home=server.home) == f"Queued for the next step of {name}.\n"
    events = _read(client, f"/groups/{group}/events?limit=1000")["events"]
    assert [one["agent_id"] for one in events if one["kind"] == "steer_queued"] == [agent]
    told = _must("pause", agent, home=server.home)
    assert told == f"{name} ({agent}) pauses at the end of the step under way.\n"
    assert _must("resume", agent, home=server.home) == f"{name} ({agent}) goes on.\n"
    assert _read(client, f"/agents/{agent}")["pausing"] == ""
    assert _must("cancel", agent, "--hand-up", home=server.home) == f"{name} ({agent}) is cancelled.\n"
    assert _read(client, f"/agents/{agent}")["state"] == "cancelled"
    assert claw("steer", agent, "Too late.", home=server.home).stderr.startswith(f"error: {name} has ended")
    _must("cancel", group, home=server.home)


def test_one_that_waits_to_begin_is_paused_at_once(server: ServerProcess, client: httpx.Client, folder: Path) -> None:
    group = start_group(client, folder, start=False)
    told = _must("pause", f"{group}-1", home=server.home)
    assert told == f"conductor ({group}-1) is paused.\n"
    _must("cancel", group, home=server.home)


def test_a_group_is_paused_resumed_and_ended(server: ServerProcess, client: httpx.Client, folder: Path) -> None:
    group, _ = _at_work(client, folder)
    name = _read(client, f"/groups/{group}")["name"]
    for word, told, status in (
        ("pause", "pauses at the end of the step under way", "paused"),
        ("resume", "goes on", "running"),
        ("cancel", "is cancelled", "cancelled"),
    ):
        assert _must(word, group, home=server.home) == f"{name} ({group}) {told}.\n"
        assert _read(client, f"/groups/{group}")["status"] == status
    again = claw("cancel", group, home=server.home)
    assert (again.returncode, again.stderr.startswith("error: The group is cancelled")) == (1, True)


def test_what_makes_no_sense_is_refused_before_anything_is_done(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    group = start_group(client, folder, start=False)
    for words, told in (
        (("cancel", group, "--hand-up"), "A group has no parent."),
        (("steer", f"{group}-1", " "), "The message is empty."),
        (("pause", "nope-1"), "There is no sub-agent nope-1."),
        (("pause", "nope"), "There is no group nope."),
    ):
        done = claw(*words, home=server.home)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: {told}\nhint: ")
    assert _read(client, f"/groups/{group}")["status"] == "draft"
    _must("cancel", group, home=server.home)
