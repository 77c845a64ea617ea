"""``clawgroups accounts``, a token on the command line, and a server that others can reach only with sign-in."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cli_steps import PATIENCE_S, claw

from clawgroups.testing.server_process import ServerProcess

PASSWORD = "correct horse"


def must(done: subprocess.CompletedProcess[str]) -> str:
    """The output of a command that must work."""
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the accounts ada (admin) and vi (viewer), made before it first ran."""
    home = tmp_path_factory.mktemp("guarded") / "home"
    must(claw("accounts", "add", "ada", "--role", "admin", "--name", "Ada L", home=home, said=f"{PASSWORD}\n"))
    must(claw("accounts", "add", "vi", home=home))
    with ServerProcess(home, pages=False) as server:
        yield server
        server.stop()


def test_the_first_account_is_an_admins_with_a_password(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "Nobody signs in here" in must(claw("accounts", home=home))
    refused = claw("accounts", "add", "vi", home=home)
    assert refused.returncode == 1
    assert "The first account is an admin's" in refused.stderr
    refused = claw("accounts", "add", "ada", "--role", "admin", home=home, said="short\n")
    assert refused.returncode == 1
    assert "at least 10 characters" in refused.stderr
    assert json.loads(must(claw("accounts", "list", "--json", home=home))) == []
    assert not (home / "server.json").exists()
    assert not (home / "admin.key").exists()


def test_accounts_are_changed_through_the_running_server(guarded: ServerProcess) -> None:
    told = must(claw("accounts", "add", "otto", "--role", "operator", "--name", "Otto", home=guarded.home))
    assert f"{guarded.url}/set-up?invite=" in told
    assert "otto has the role driver now" in must(claw("accounts", "role", "otto", "driver", home=guarded.home))
    must(claw("accounts", "password", "otto", home=guarded.home, said=f"{PASSWORD}\n"))
    with httpx.Client(base_url=guarded.api, timeout=PATIENCE_S) as otto:
        assert otto.post("/sign-in", json={"name": "otto", "password": PASSWORD}).is_success
        assert "signed out everywhere" in must(claw("accounts", "sign-out", "otto", home=guarded.home))
        assert otto.get("/me").status_code == 401
    must(claw("accounts", "disable", "otto", home=guarded.home))
    found = {one["sign_in_name"]: one for one in json.loads(must(claw("accounts", "--json", home=guarded.home)))}
    assert (found["otto"]["role"], found["otto"]["disabled"]) == ("driver", True)
    assert (found["ada"]["id"], found["ada"]["name"]) == ("you", "Ada L")
    assert "may sign in again" in must(claw("accounts", "disable", "otto", "--undo", home=guarded.home))
    assert f"{guarded.url}/set-up?invite=" in must(claw("accounts", "link", "otto", home=guarded.home))
    listed = must(claw("accounts", "list", home=guarded.home))
    assert "Ada L" in listed
    assert "active" in listed
    assert "invited" in listed


def test_what_cannot_be_is_said_in_the_servers_words(guarded: ServerProcess) -> None:
    for words, wrong in (
        (("role", "ada", "viewer"), "Ada L is the only admin"),
        (("disable", "nobody"), "There is no account nobody"),
        (("add", "ada"), "ada is taken"),
        (("add", "a b"), "cannot be a sign-in name"),
    ):
        done = claw("accounts", *words, home=guarded.home)
        assert done.returncode == 1, words
        assert wrong in done.stderr
        assert "hint: " in done.stderr


def test_other_commands_need_a_token_and_act_as_its_person(guarded: ServerProcess) -> None:
    refused = claw("groups", home=guarded.home)
    assert refused.returncode == 1
    assert "CLAWGROUPS_TOKEN" in refused.stderr
    admin, viewer = (must(claw("accounts", "token", name, home=guarded.home)) for name in ("ada", "vi"))
    assert admin.startswith("claw_")
    must(claw("--token", admin, "groups", home=guarded.home))
    must(claw("groups", home=guarded.home, env={"CLAWGROUPS_TOKEN": viewer}))
    assert "survey-worker" in must(claw("--token", viewer, "members", home=guarded.home, env={"COLUMNS": "200"}))
    refused = claw("--token", viewer, "members", "add", "person", "Pat", home=guarded.home)
    assert "As a viewer you may not change the members" in refused.stderr
    assert "Pat is" not in must(claw("--token", admin, "members", home=guarded.home))
    refused = claw("--token", admin, "answer", "--as", "you", home=guarded.home)
    assert "X-Claw-Person" in refused.stderr


def test_tokens_have_names_by_which_they_can_be_told_apart(guarded: ServerProcess) -> None:
    first = must(claw("accounts", "token", "vi", "--name", "laptop", home=guarded.home))
    must(claw("accounts", "token", "vi", home=guarded.home))
    with httpx.Client(base_url=guarded.api, headers={"Authorization": f"Bearer {first.strip()}"}) as program:
        names = [token["name"] for token in program.get("/me/tokens").raise_for_status().json()["tokens"]]
    assert "laptop" in names
    assert any(re.fullmatch(r"made by an admin, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", name) for name in names)
    assert len(set(names)) == len(names)


def test_a_token_watches_a_run_over_the_feed(guarded: ServerProcess, folder: Path) -> None:
    token = must(claw("accounts", "token", "ada", home=guarded.home))
    words = ("run", "Look", "--template", "survey", "--folder", folder, "--pace", 0)
    done = claw("--token", token, *words, home=guarded.home)
    assert done.returncode == 0, done.stderr
    assert "survey.md" in done.stdout


def test_doctor_looks_at_a_guarded_server_from_its_own_machine(guarded: ServerProcess) -> None:
    done = claw("doctor", home=guarded.home)
    assert "The running server writes it" in done.stdout
    assert "Sign in first" not in done.stdout + done.stderr


def free_address() -> str:
    """An address of this machine that is not loopback, but reaches it."""
    return "0.0.0.0"


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (("--host", free_address()), "can be reached from other machines"),
        (("--host", free_address(), "--open-to-network"), "needs sign-in, and no admin has an account"),
        (("--open-to-network",), "needs sign-in, and no admin has an account"),
    ],
)
def test_without_accounts_no_other_machine_is_answered(tmp_path: Path, options: tuple[str, ...], wrong: str) -> None:
    done = claw("up", "--port", 0, "--no-pages", *options, home=tmp_path / "home")
    assert done.returncode == 1
    assert wrong in done.stderr
    assert "open-to-network" in done.stderr
    assert done.stdout == ""
    if "--open-to-network" in options:
        assert "clawgroups accounts add NAME --role admin" in done.stderr


def test_with_accounts_and_the_flag_it_answers_under_any_name(tmp_path: Path) -> None:
    home = tmp_path / "home"
    must(claw("accounts", "add", "ada", "--role", "admin", home=home, said=f"{PASSWORD}\n"))
    refused = claw("up", "--port", 0, "--host", free_address(), home=home)
    assert "can be reached from other machines" in refused.stderr
    with ServerProcess(home, pages=False, args=("--host", free_address(), "--open-to-network")) as server:
        port = server.url.rsplit(":", 1)[1]
        name = {"Host": "claw.example:443"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", headers=name, timeout=PATIENCE_S) as client:
            assert client.get("/health").json()["sign_in"] is True
            assert client.get("/groups").status_code == 401
            body = {"name": "ada", "password": PASSWORD}
            assert client.post("/sign-in", json=body, headers={"Origin": "https://claw.example:443"}).is_success
            assert client.get("/groups").is_success
            assert client.post("/sign-out", headers={"Origin": "https://evil.example"}).status_code == 403
        server.stop()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0
