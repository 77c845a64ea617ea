"""Members over REST: brought in, tried, shown without their keys, and taken off the list when nobody needs them."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_steps import PROGRAM, Json, Plans, done, refused, until_state

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

KEY = "sk-not-for-anybody-to-see"


@pytest.fixture(scope="module")
def models() -> Iterator[ModelProcess]:
    with ModelProcess(rate=0) as running:
        yield running


def _name(word: str) -> str:
    return f"{word} {secrets.token_hex(3)}"


def test_the_installation_begins_with_its_person_and_the_bundled_programs(client: httpx.Client) -> None:
    found = {member["id"]: member for member in done(client.get("/members"))["members"]}
    assert found["you"]["kind"] == "person"
    for bundled in ("survey-conductor", "survey-worker"):
        assert (found[bundled]["kind"], found[bundled]["bundled"]) == ("program", True)
        assert "not a model" in found[bundled]["description"]


def test_a_model_is_brought_in_and_works_and_its_key_is_shown_nowhere(
    client: httpx.Client, server: ServerProcess, models: ModelProcess
) -> None:
    model = {"base_url": models.base_url, "model": "echo", "api_key": KEY, "price_in": 0.5, "temperature": 0.2}
    body = {"name": _name("Echo"), "kind": "model", "model": model, "skills": ["talk"], "capacity": 3}
    made = done(client.post("/members", json=body), 201)
    assert made["id"].startswith("echo-")
    assert (made["skills"], made["capacity"], made["load"], made["bundled"]) == (["talk"], 3, 0, False)
    assert (made["model"]["model"], made["model"]["price_in"]) == ("echo", 0.5)
    assert made == done(client.get(f"/members/{made['id']}"))
    tried = done(client.post(f"/members/{made['id']}/test"))
    assert tried["ok"] is True, tried
    assert tried["ms"] >= 0
    everything = client.get("/members").text + client.get("/groups/house/export").text
    assert KEY not in everything
    kept = server.home / "secrets.json"
    assert KEY in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0, "readable by the server's owner alone"
    done(client.delete(f"/members/{made['id']}"))
    assert KEY not in kept.read_text(), "with the member goes its key"


def test_a_model_that_does_not_work_is_told_with_how_to_mend_it(client: httpx.Client, models: ModelProcess) -> None:
    for model in (
        {"base_url": models.base_url, "model": "no-such-model"},
        {"base_url": "http://127.0.0.1:9/v1", "model": "echo"},
        {"base_url": models.base_url, "model": "echo", "key_ref": "env:NO_SUCH_VARIABLE_HERE"},
    ):
        made = done(client.post("/members", json={"name": _name("Bad"), "kind": "model", "model": model}), 201)
        tried = done(client.post(f"/members/{made['id']}/test"))
        assert tried["ok"] is False
        assert tried["sentence"].strip()
        assert tried["hint"].strip()


def test_a_program_gets_the_environment_it_is_brought_in_with(client: httpx.Client, tmp_path: Path) -> None:
    script = tmp_path / "said.py"
    script.write_text(
        "import json, os, sys\nfor line in sys.stdin:\n"
        "    print(json.dumps({'type': 'result', 'text': os.environ.get('GREETING', 'nothing')}), flush=True)\n"
    )
    program = {"command": ["{python}", str(script)], "env": {"GREETING": "good morning"}}
    made = done(client.post("/members", json={"name": _name("Greeter"), "kind": "program", "program": program}), 201)
    assert made["program"]["command"] == ["{python}", str(script)]
    assert "good morning" not in str(made), "it may be a secret"
    group = {"name": "greet", "goal": "Greet.", "conductor": made["id"], "start": True}
    agent = f"{done(client.post('/groups', json=group), 201)['id']}-1"
    until_state(client, agent, "done")
    said = done(client.get(f"/agents/{agent}/transcript"))["entries"]
    assert said[-1]["content"] == "good morning"


def test_a_program_that_is_not_there_is_found_out_by_its_test(client: httpx.Client) -> None:
    program = {"command": ["/no/such/program"]}
    made = done(client.post("/members", json={"name": _name("Gone"), "kind": "program", "program": program}), 201)
    tried = done(client.post(f"/members/{made['id']}/test"))
    assert tried["ok"] is False
    assert "/no/such/program" in tried["sentence"]
    here = {"command": [sys.executable, str(PROGRAM), os.sep]}
    good = done(client.post("/members", json={"name": _name("Here"), "kind": "program", "program": here}), 201)
    assert done(client.post(f"/members/{good['id']}/test"))["ok"] is True


def test_a_name_is_taken_only_once(client: httpx.Client) -> None:
    name = _name("Eve")
    done(client.post("/members", json={"name": name, "kind": "person"}), 201)
    again = client.post("/members", json={"name": name.upper(), "kind": "person"})
    assert again.status_code == 422
    assert name.upper() in again.json()["error"]["sentence"]


def test_who_drives_cannot_be_removed_and_who_does_not_can(client: httpx.Client, plans: Plans, tmp_path: Path) -> None:
    own = Plans(client, tmp_path)
    agent = own.talking()
    group = agent["group"]
    error = refused(client.delete(f"/members/{own.member}"), "in_use", "running")
    assert "planned" in error["sentence"]
    assert done(client.get(f"/members/{own.member}"))["load"] == 1
    done(client.post(f"/agents/{agent['id']}/reassign", json={"to": "you"}))
    refused(client.delete(f"/members/{own.member}"), "in_use", "running")
    done(client.post(f"/groups/{group}/cancel"))
    assert done(client.delete(f"/members/{own.member}")) == {"removed": own.member}
    assert own.member not in [member["id"] for member in done(client.get("/members"))["members"]]
    assert client.get(f"/members/{own.member}").status_code == 404
    assert done(client.get(f"/groups/{group}"))["conductor"] == own.member, "the record still names it"
    late = {"name": "late", "goal": "x", "conductor": own.member}
    assert client.post("/groups", json=late).status_code == 422


def test_a_persons_new_group_names_members_by_id_or_name(client: httpx.Client) -> None:
    body: Json = {"name": "by name", "goal": "x", "conductor": "Survey worker"}
    assert done(client.post("/groups", json=body), 201)["conductor"] == "survey-worker"


def test_endpoints_found_on_this_machine_are_offered(client: httpx.Client) -> None:
    offers = done(client.get("/offers"))["offers"]
    assert all({"name", "base_url", "model", "source"} <= offer.keys() for offer in offers)
