"""The smaller commands: groups, members, export, answer, bench; and what is said without a server or to wrong words."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx
import pytest
from cli_steps import claw, ended, start_group

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess


def test_the_groups_are_listed_for_people_and_for_scripts(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    group = start_group(client, folder, pace=0, name="a \x1b[31mred one")
    ended(client, group)
    told = claw("groups", home=server.home, env={"COLUMNS": "200"})
    assert told.returncode == 0
    row = next(line for line in told.stdout.splitlines() if group in line)
    assert "finished" in row
    assert "3 done" in row
    assert "\x1b" not in told.stdout
    listed = json.loads(claw("groups", "--json", home=server.home).stdout)
    assert group in [found["id"] for found in listed]


def test_a_member_is_added_listed_tested_and_removed(server: ServerProcess) -> None:
    with ModelProcess(rate=0) as model:
        made = claw("members", "add", "model", "Echo", "--url", model.base_url, "--model", "echo", "--capacity", "3",
                    "--skills", "say, repeat", home=server.home)  # fmt: skip
        assert "echo is a member now" in made.stdout, made.stderr
        listed = json.loads(claw("members", "list", "--json", home=server.home).stdout)
        echo = next(member for member in listed if member["id"] == "echo")
        assert (echo["capacity"], echo["skills"]) == (3, ["say", "repeat"])
        tried = claw("members", "test", "echo", home=server.home)
        assert tried.returncode == 0, tried.stderr
        assert "Echo answered" in tried.stdout
        assert "Echo" in claw("members", home=server.home).stdout
    gone = claw("members", "test", "echo", home=server.home)
    assert gone.returncode == 1, "its server has ended"
    assert "hint: " in gone.stderr
    assert claw("members", "remove", "echo", home=server.home).returncode == 0
    assert "Echo" not in claw("members", home=server.home).stdout
    missing = claw("members", "remove", "echo", home=server.home)
    assert missing.returncode == 1
    assert "There is no member echo" in missing.stderr


def test_a_program_is_added_with_its_own_options_untouched(server: ServerProcess) -> None:
    words = (sys.executable, "-m", "clawgroups.programs.survey_worker", "--home", "its own")
    made = claw("members", "add", "program", "--home", server.home, "Mine", *words)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("mine is a member now.\nMine started and answered: "), "it was tested right away"
    assert "warning" not in made.stderr
    listed = json.loads(claw("members", "--json", home=server.home).stdout)
    assert next(m for m in listed if m["id"] == "mine")["program"]["command"] == list(words)
    assert claw("members", "remove", "mine", home=server.home).returncode == 0


def test_a_program_that_does_not_work_is_added_with_a_warning(server: ServerProcess) -> None:
    made = claw("members", "add", "program", "--home", server.home, "Bad", "/no/such/prog")
    assert (made.returncode, made.stdout) == (0, "bad is a member now.\n")
    assert made.stderr.startswith("warning: The program '/no/such/prog' cannot be started")
    assert made.stderr.rstrip().endswith("Then test it again: clawgroups members test bad")
    untested = claw("members", "add", "program", "--no-test", "--home", server.home, "Worse", "/no/such/prog")
    assert (untested.returncode, untested.stderr) == (0, "")
    assert "Test it: clawgroups members test worse" in untested.stdout
    for member in ("bad", "worse"):
        assert claw("members", "remove", member, home=server.home).returncode == 0


def test_the_record_is_exported_by_the_server_and_from_the_ledger_alike(tmp_path: Path, folder: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server, httpx.Client(base_url=server.api) as client:
        group = start_group(client, folder, pace=0)
        ended(client, group)
        served = claw("export", group, "-o", tmp_path / "served.jsonl", home=server.home)
        assert served.returncode == 0, served.stderr
        assert claw("export", group, home=server.home).stdout == (tmp_path / "served.jsonl").read_text()
        assert "There is no group" in claw("export", "zzzzzzzz", home=server.home).stderr
        server.stop()
    read = claw("export", group, home=tmp_path / "home")
    assert read.returncode == 0, read.stderr
    assert read.stdout == (tmp_path / "served.jsonl").read_text()
    records = [json.loads(line) for line in read.stdout.splitlines()]
    assert len(records) > 10
    failed = claw("export", "zzzzzzzz", "-o", tmp_path / "none.jsonl", home=tmp_path / "home")
    assert failed.returncode == 1
    assert not list(tmp_path.glob("*none*")), "a failed export leaves no half file"
    assert "There is no ledger" in claw("export", group, home=tmp_path / "empty").stderr


@pytest.mark.parametrize(
    "words",
    [
        ("groups",),
        ("members",),
        ("answer",),
        ("take-over", "x-1"),
        ("members", "test", "x"),
        ("agents", "x"),
        ("cancel", "x"),
        ("steer", "x-1", "w"),
    ],
    ids=" ".join,
)
def test_without_a_server_each_command_says_how_to_start_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = claw(*words, home=tmp_path / "home")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: No server runs for {tmp_path / 'home'}.\nhint: Start one: clawgroups up")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run",), "GOAL"),
        (("run", "x", "--limit", "0"), "--limit"),
        (("run", "x", "--limit", "many"), "--limit"),
        (("run", "x", "--nothing"), "--nothing"),
        (("take-over",), "AGENT"),
        (("agents",), "GROUP"),
        (("pause",), "TARGET"),
        (("steer", "x-1"), "WORDS"),
        (("take-over", "x", "--call", "read_file"), "--call"),
        (("up", "--port", "70000"), "--port"),
        (("nothing",), "nothing"),
    ],
    ids=str,
)
def test_wrong_options_end_with_status_2_and_name_what_is_wrong(words: tuple[str, ...], told: str) -> None:
    done = claw(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_an_unknown_benchmark_is_told_with_the_names_there_are() -> None:
    done = claw("bench", "speed")
    assert done.returncode == 1
    assert done.stderr == (
        "error: There is no benchmark 'speed'.\n"
        "hint: Benchmarks: dispatch, takeover, feed, resume, streams, history-open, wall, leak, engine.\n"
    )


def test_an_answer_without_a_decision_or_with_broken_arguments_is_refused(server: ServerProcess) -> None:
    assert claw("answer", "x-r1", home=server.home).stderr.startswith("error: What is the answer to x-r1?")
    broken = claw("answer", "x-r1", "edit", "--arguments", "{oh", home=server.home)
    assert broken.returncode == 1
    assert "--arguments: that is not JSON" in broken.stderr
    unknown = claw("answer", "zzzzzzzz-r1", "approve", home=server.home)
    assert unknown.returncode == 1
    assert "zzzzzzzz-r1" in unknown.stderr


def test_a_place_that_cannot_be_written_is_told_without_a_traceback(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    done = claw("up", "--port", "0", home=file)
    assert (done.returncode, "cannot be the home" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    with httpx.Client(base_url=server.api, trust_env=False) as client:
        body = {"name": "x", "goal": "x", "conductor": "survey-conductor"}
        group = client.post("/groups", json=body).json()["id"]
    done = claw("export", group, "-o", file / "out.jsonl", home=server.home)
    assert (done.returncode, "cannot be written" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
