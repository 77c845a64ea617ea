"""Templates over REST: those for models, what they need, and those that people save from groups."""

from __future__ import annotations

import secrets
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_steps import Json, agents, done, make_group, until_status, wait_for_runner

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def models() -> Iterator[ModelProcess]:
    with ModelProcess(rate=0) as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a branch ``topic``, on which two files have changed, and something that is not committed."""
    place = tmp_path / "shop"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    for name in ("cart.py", "price.py", "till.py"):
        (place / name).write_text(f"# {name}\nvalue = 1\n")
    git(place, "add", ".")
    git(place, "commit", "-qm", "first")
    git(place, "switch", "-qc", "topic")
    (place / "cart.py").write_text("# cart.py\nvalue = 2\n")
    (place / "price.py").write_text("# price.py\nvalue = 1\nrounded = True\n")
    git(place, "commit", "-qam", "second")
    git(place, "switch", "-q", "main")
    (place / "till.py").write_text("# till.py\nvalue = 'not committed'\n")
    (place / "fresh.py").write_text("value = 'new'\n")
    return place


def git(place: Path, *args: str) -> None:
    command = ["git", "-c", "user.name=T", "-c", "user.email=t@localhost", *args]
    subprocess.run(command, cwd=place, check=True, capture_output=True)


def model(client: httpx.Client, models: ModelProcess, script: str) -> str:
    """A model member that talks as ``script`` says; its id."""
    body = {"name": f"{script} {secrets.token_hex(3)}", "kind": "model"}
    endpoint = {"base_url": models.base_url, "model": script}
    return str(done(client.post("/members", json={**body, "model": endpoint}), 201)["id"])


def task_of(client: httpx.Client, made: Json) -> str:
    """What the conductor of a group is told."""
    return str(done(client.get(f"/agents/{made['root']}"))["task"])


def problem(reply: httpx.Response) -> tuple[str, str]:
    """(field, sentence) of a refusal of what was sent."""
    assert reply.status_code == 422, reply.text
    (one,) = reply.json()["error"]["fields"]
    return one["field"], one["problem"]


def test_every_template_says_what_it_asks_for(client: httpx.Client) -> None:
    listed = {one["id"]: one for one in done(client.get("/templates"))["templates"]}
    assert {"survey", "goal", "review", "swarm", "list"} <= listed.keys()
    assert [one["id"] for one in listed.values() if one["needs_model"]] == ["review", "swarm"]
    assert "lines" in listed["list"]["fields"]
    assert "base" in listed["review"]["fields"]


def test_a_review_of_a_branch_holds_its_change_and_runs_with_a_model(
    client: httpx.Client, models: ModelProcess, repository: Path
) -> None:
    lead = model(client, models, "conductor-2@0")
    body = {"name": "r", "template": "review", "folder": str(repository), "base": "main", "head": "topic"}
    made = done(client.post("/groups", json={**body, "conductor": lead, "start": True}), 201)
    task = task_of(client, made)
    assert made["goal"] == "Review the change of shop from main to topic."
    assert "- cart.py: 1 line added, 1 removed" in task
    assert "-value = 1\n+value = 2" in task
    assert "+rounded = True" in task
    assert "till.py" not in task, "what is not committed is no part of a branch"
    over = until_status(client, made["id"], "finished")
    assert len(agents(client, over["id"])) == 3


def test_a_review_of_what_is_not_committed_holds_new_files_too(
    client: httpx.Client, models: ModelProcess, repository: Path
) -> None:
    body = {"name": "r", "template": "review", "folder": str(repository), "by": "concern", "conductor": "you"}
    task = task_of(client, done(client.post("/groups", json=body), 201))
    assert "+value = 'not committed'" in task
    assert "- fresh.py: new, not known to git yet" in task
    assert "security" in task
    assert "cart.py" not in task


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [({"base": "no-such-branch"}, "base", "There is no commit 'no-such-branch'"),
     ({"base": "main", "head": "gone"}, "head", "There is no commit 'gone'"),
     ({"head": "topic"}, "base", "Say from where"), ({"base": "--output=/tmp/x"}, "base", "is no name of a commit"),
     ({"base": "main..topic"}, "base", "is no name of a commit"),
     ({"base": "topic", "head": "topic"}, "base", "Nothing has changed"),
     ({"folder": ""}, "folder", "needs a repository"), ({"folder_mode": "worktree"}, "folder_mode", "only reads")],
)  # fmt: skip
def test_a_place_that_is_not_in_the_repository_is_told_at_its_field(
    client: httpx.Client, repository: Path, body: Json, field: str, says: str
) -> None:
    asked = {"name": "r", "template": "review", "folder": str(repository), "conductor": "you", **body}
    at, sentence = problem(client.post("/groups", json=asked))
    assert (at, says in sentence) == (field, True), sentence


def test_a_folder_without_a_repository_is_no_review(client: httpx.Client, folder: Path) -> None:
    asked = {"name": "r", "template": "review", "folder": str(folder), "conductor": "you"}
    assert problem(client.post("/groups", json=asked))[1].endswith("is not a git repository.")


def test_a_swarm_is_asked_its_question_from_so_many_sides(client: httpx.Client, models: ModelProcess) -> None:
    lead = model(client, models, "conductor-3@0")
    body = {"name": "s", "template": "swarm", "goal": "Tea or coffee?", "sides": 3, "conductor": lead, "start": True}
    made = done(client.post("/groups", json=body), 201)
    task = task_of(client, made)
    assert "Tea or coffee?" in task
    assert "Call assign_task 3 times" in task
    assert until_status(client, made["id"], "finished")["counts"]["done"] == 4


def test_a_template_for_models_says_so_where_there_is_none(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home", pages=False) as server:
        with httpx.Client(base_url=server.api, timeout=30) as client:
            body = {"name": "s", "template": "swarm", "goal": "Tea or coffee?"}
            at, sentence = problem(client.post("/groups", json=body))
            assert (at, sentence) == (
                "conductor", "Answer a question in a swarm needs a model, and none is a member yet.",
            )  # fmt: skip
            bundled = client.post("/groups", json={**body, "conductor": "survey-conductor"})
            assert "is a bundled program and cannot conduct this" in problem(bundled)[1]
            assert done(client.post("/groups", json={**body, "conductor": "you"}), 201)["status"] == "draft"
        server.stop()


# --- saved ones --------------------------------------------------------------------------------------


def save(client: httpx.Client, group: str, **more: str) -> Json:
    """A template of that group, under a name that nothing has."""
    body = {"name": f"Mine {secrets.token_hex(3)}", "group": group}
    return done(client.post("/templates", json={**body, **more}), 201)


def test_a_saved_template_makes_the_same_group_again(client: httpx.Client, folder: Path) -> None:
    more = {"limit": 2, "pace": 7, "rules": "Be brief.", "policies": {"measure_file": "ask"}, "start": False}
    first = done(client.get(f"/groups/{make_group(client, folder, limits={'max_steps': 77}, **more)}"))
    saved = save(client, first["id"])
    assert (saved["saved"], saved["base"], saved["values"]["pace"]) == (True, "survey", 7)
    again = done(client.post("/groups", json={"name": "again", "template": saved["id"]}), 201)
    same = ("goal", "rules", "template", "folder", "folder_mode", "conductor", "worker", "limits")
    assert {name: again[name] for name in same} == {name: first[name] for name in same}
    assert task_of(client, again) == task_of(client, first)
    tools = {tool["name"]: tool["policy"] for tool in done(client.get(f"/agents/{again['root']}"))["tools"]}
    assert tools["measure_file"] == "ask"


def test_what_is_said_goes_before_what_the_template_has(client: httpx.Client, folder: Path) -> None:
    limits = {"max_steps": 77, "budget_usd": 3}
    saved = save(client, make_group(client, folder, limits=limits, rules="Old.", start=False))
    body = {"name": "x", "template": saved["id"], "rules": "New.", "limits": {"max_steps": 5}}
    made = done(client.post("/groups", json=body), 201)
    assert (made["rules"], made["limits"]["max_steps"], made["limits"]["budget_usd"]) == ("New.", 5, 3)


def test_a_goal_that_nobody_wrote_is_made_anew_from_another_folder(
    client: httpx.Client, folder: Path, tmp_path: Path
) -> None:
    saved = save(client, make_group(client, folder, start=False))
    assert saved["values"]["goal"] == ""
    made = done(client.post("/groups", json={"name": "x", "template": saved["id"], "folder": str(tmp_path)}), 201)
    assert made["goal"] == f"Survey the folder {tmp_path} and write a report."


def test_a_saved_template_gets_another_name_and_is_removed(client: httpx.Client, folder: Path) -> None:
    saved, other = (save(client, make_group(client, folder, start=False)) for _ in range(2))
    renamed = done(client.patch(f"/templates/{saved['id']}", json={"name": saved["name"] + "!"}))
    listed = {one["id"]: one["name"] for one in done(client.get("/templates"))["templates"]}
    assert listed[saved["id"]] == renamed["name"] == saved["name"] + "!"
    taken = client.patch(f"/templates/{saved['id']}", json={"name": other["name"].upper()})
    assert problem(taken)[0] == "name"
    assert done(client.delete(f"/templates/{saved['id']}")) == {"removed": saved["id"]}
    assert saved["id"] not in [one["id"] for one in done(client.get("/templates"))["templates"]]
    assert client.delete(f"/templates/{saved['id']}").status_code == 404
    assert client.delete("/templates/survey").status_code == 404, "what comes with the program stays"
    refused = client.post("/groups", json={"name": "x", "template": saved["id"]})
    assert problem(refused)[0] == "template"


def test_a_name_that_is_taken_and_a_group_that_is_not_there_make_no_template(
    client: httpx.Client, folder: Path
) -> None:
    group = make_group(client, folder, start=False)
    saved = save(client, group)
    assert problem(client.post("/templates", json={"name": saved["name"], "group": group}))[0] == "name"
    assert client.post("/templates", json={"name": "x", "group": "nosuchgroup"}).status_code == 404


def test_saved_templates_are_there_after_a_restart(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    with ServerProcess(home, pages=False) as server:
        wait_for_runner(server)
        with httpx.Client(base_url=server.api, timeout=30) as client:
            saved = save(client, make_group(client, folder, pace=3, start=False))
        server.kill()
    with sqlite3.connect(home / "clawgroups.db") as ledger:  # as a newer or a broken program may have left it
        ledger.execute("INSERT INTO settings (key, value) VALUES ('template:odd', '{\"name\": 7}')")
    ledger.close()
    with ServerProcess(home, pages=False) as server:
        with httpx.Client(base_url=server.api, timeout=30) as client:
            (found,) = [one for one in done(client.get("/templates"))["templates"] if one["saved"]]
        server.stop()
        assert "template odd cannot be read" in server.log.read_text()
    assert found == saved
