"""``clawgroups run``: on a server of its own and on a running one, to its result, its failure, or a Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import httpx
import psutil
import pytest
from cli_steps import Running, claw, ended, wait_for

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess


def _servers_of(home: Path) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if str(home) in (p.info["cmdline"] or ())]


def test_without_a_server_it_brings_its_own_and_ends_with_the_report(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    done = claw("run", "What is in here?", "--folder", folder, "--template", "survey", "--pace", "0", home=home)
    assert done.returncode == 0, done.stderr
    report = next(Path(line) for line in done.stdout.splitlines() if line.endswith(".md"))
    assert report.is_relative_to(home)
    assert "part0.py" in report.read_text()
    assert "Surveyed 2 files" in done.stdout
    assert "runs: http://127.0.0.1:" in done.stderr
    assert "the group is finished now" in done.stderr
    assert "\x1b" not in done.stderr, "no colours where there is no terminal"
    assert not _servers_of(home), "its own server ends with it"
    assert not (home / "server.json").exists()


def test_a_running_server_is_used_and_json_has_all_of_the_result(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    words = ("run", "Look.", "--folder", folder, "--template", "survey", "--pace", "0", "--limit", "1", "--json")
    done = claw(*words, home=server.home)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["url"] == f"{server.url}/groups/{result['group']}"
    assert (result["status"], result["done"], result["needs_you"]) == ("finished", True, [])
    assert result["counts"]["done"] == 2, "the conductor and one worker, since the limit is one file"
    assert Path(result["report"]).is_file()
    assert client.get(f"/groups/{result['group']}").json()["goal"].startswith("Look.")
    assert server.alive


def test_a_relative_folder_is_taken_from_where_the_person_stands(
    server: ServerProcess, client: httpx.Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    words = ("run", "Look.", "--folder", folder.name, "--template", "survey", "--pace", "0", "--json")
    done = claw(*words, home=server.home)
    assert done.returncode == 0, done.stderr
    assert client.get(f"/groups/{json.loads(done.stdout)['group']}").json()["folder"] == str(folder)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--folder", "/no/such", "--template", "survey"), "There is no folder /no/such"),
        (("--template", "surveys"), "Templates: survey"),
        (("--template", "survey"), "needs a folder"),
        (("--conductor", "nobody"), "There is no member 'nobody'"),
        (("--as", "survey-worker"), "not a person"),
    ],
)
def test_what_cannot_be_run_is_told_with_a_hint(server: ServerProcess, options: tuple[str, ...], told: str) -> None:
    done = claw("run", "Look.", *options, home=server.home)
    assert done.returncode == 1
    assert told in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_home_that_cannot_be_used_is_told_in_the_servers_own_words(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "clawgroups.db").write_bytes(b"this is no database, and long enough to be looked at" * 10)
    done = claw("run", "Look.", "--folder", folder, "--template", "survey", home=tmp_path / "home")
    assert done.returncode == 1
    assert "clawgroups.db is damaged or not a database" in done.stderr
    assert "hint: There is no backup" in done.stderr
    (tmp_path / "file").write_text("in the way")
    done = claw("run", "Look.", "--folder", folder, "--template", "survey", home=tmp_path / "file")
    assert done.returncode == 1
    assert "cannot be used" in done.stderr


def test_a_port_that_is_taken_is_told_before_a_home_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = claw("up", "--port", str(taken.getsockname()[1]), home=tmp_path / "home")
    assert done.returncode == 1
    assert "cannot be used: Address already in use" in done.stderr
    assert "hint: Choose another --port" in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_group_that_is_cancelled_by_somebody_ends_the_run_with_status_1(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    with Running("run", "Look.", "--folder", folder, "--template", "survey", "--pace", "1", home=server.home) as run:
        wait_for(lambda: "runs: " in run.err, "the start")
        group = run.err.split("group ")[1].split()[0]
        client.post(f"/groups/{group}/cancel").raise_for_status()
        assert run.wait() == 1
        assert f"error: Group {group} ended without reaching its goal (cancelled)" in run.err


def test_what_needs_a_person_is_told_with_the_command_that_answers_it(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    with ModelProcess(rate=0) as model:
        made = claw("members", "add", "model", "Lost", "--url", model.base_url, "--model", "nobody", home=server.home)
        assert made.returncode == 0, made.stderr
        with Running("run", "Look.", "--folder", folder, "--conductor", "lost", home=server.home) as run:
            told = wait_for(lambda: "# End this sub-agent" in run.err and run.err, "the request")
            assert "needs you (stall)" in told
            assert not [one for one in told.splitlines() if one.strip() == "refused"], "a reason is no tool"
            assert "on screen: http://127.0.0.1:" in told
            line = next(line for line in told.splitlines() if "# End this sub-agent" in line)
            words = line.split("#")[0].split()
            assert words[:2] == ["clawgroups", "answer"]
            assert words[2] in claw("answer", home=server.home).stdout, "answer alone lists what waits"
            answered = claw(*words[1:])
            assert answered.returncode == 0, answered.stderr
            assert run.wait() == 1, "a group whose conductor was ended has not reached its goal"
            assert claw(*words[1:]).returncode == 1, "a request is answered once"
            assert run.err.count("needs you") == 1


def test_unattended_it_ends_when_a_person_is_needed_and_names_the_request(server: ServerProcess, folder: Path) -> None:
    with ModelProcess(rate=0) as model:
        claw("members", "add", "model", "Gone", "--url", model.base_url, "--model", "nobody", home=server.home)
        done = claw("run", "Look.", "--conductor", "Gone", "--unattended", "--json", home=server.home)
    assert done.returncode == 1
    result = json.loads(done.stdout)
    assert (result["status"], result["done"], len(result["needs_you"])) == ("running", False, 1)


def test_unattended_the_hint_names_the_command_that_ends_the_group(server: ServerProcess) -> None:
    words = "It says a very long sentence, so that whoever reads it in a terminal may see whether it was cut: " * 2
    code = f"import json; print(json.dumps({{'type': 'error', 'sentence': {words + 'the end.'!r}}}), flush=True)"
    claw("members", "add", "program", "--no-test", "--home", server.home, "Fails", "{python}", "-c", code)
    done = claw("run", "Look.", "--conductor", "fails", "--unattended", home=server.home)
    assert done.returncode == 1
    assert "the end." in next(line for line in done.stderr.splitlines() if "needs you (stall)" in line)
    assert not [line for line in done.stderr.splitlines() if line.strip() == "program"], "a reason is no tool"
    command = done.stderr.rsplit("End it: ", 1)[1].split()
    assert command[:2] == ["clawgroups", "cancel"]
    ended = claw(*command[1:])
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.rstrip().endswith("is cancelled.")


def test_ctrl_c_on_a_running_server_leaves_the_group_running(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    with Running("run", "Look.", "--folder", folder, "--template", "survey", "--pace", "12", home=server.home) as run:
        wait_for(lambda: "runs: " in run.err, "the start")
        group = run.err.split("group ")[1].split()[0]
        run.process.send_signal(signal.SIGINT)
        assert run.wait() == 130
        assert "is left as it is" in run.err
        assert "The server goes on with it" in run.err
        assert "Traceback" not in run.err
        assert ended(client, group)["status"] == "finished"


def test_ctrl_c_with_its_own_server_says_that_the_group_goes_on_and_it_does(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    with Running("run", "Look.", "--folder", folder, "--template", "survey", "--pace", "12", home=home) as run:
        wait_for(lambda: "runs: " in run.err, "the start")
        group = run.err.split("group ")[1].split()[0]
        run.process.send_signal(signal.SIGINT)
        assert run.wait() == 130
        assert f"the group goes on at the next start: clawgroups up --home {home}" in run.err
        assert not _servers_of(home)
        with ServerProcess(home, pages=False) as again, httpx.Client(base_url=again.api) as client:
            assert ended(client, group)["status"] == "finished"


def test_when_the_command_is_killed_its_own_server_ends_too(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    with Running("run", "Look.", "--folder", folder, "--template", "survey", "--pace", "1", home=home) as run:
        wait_for(lambda: "runs: " in run.err, "the start")
        run.process.kill()
        run.wait()
        wait_for(lambda: not _servers_of(home), "the end of the server")
        assert not (home / "server.json").exists(), "it ended in order"


def test_when_its_own_server_dies_it_is_started_again_and_the_run_reaches_its_end(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    with Running("run", "Look.", "--folder", folder, "--template", "survey", "--pace", "12", home=home) as run:
        wait_for(lambda: "runs: " in run.err, "the start")
        os.kill(json.loads((home / "server.json").read_text())["pid"], signal.SIGKILL)
        assert run.wait() == 0, run.err
        assert "the server does not answer; waiting for it" in run.err
        assert "Surveyed 2 files" in run.out
