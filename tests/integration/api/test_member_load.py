"""What the members' list tells of now: seats, what waits for one, tokens a second, the last error; the guide."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_steps import Json, agents, done, until_status, wait_for

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def models() -> Iterator[ModelProcess]:
    with ModelProcess(rate=50) as running:
        yield running


def add(client: httpx.Client, models: ModelProcess, script: str, capacity: int = 0) -> str:
    """A model member; its id."""
    body = {"name": f"{script} {secrets.token_hex(3)}", "kind": "model", "capacity": capacity}
    endpoint = {"base_url": models.base_url, "model": script}
    return str(done(client.post("/members", json={**body, "model": endpoint}), 201)["id"])


def member(client: httpx.Client, member_id: str) -> Json:
    """One member as the list has it."""
    return next(one for one in done(client.get("/members"))["members"] if one["id"] == member_id)


def test_seats_queue_and_speed_are_those_of_now(client: httpx.Client, models: ModelProcess) -> None:
    lead, worker = add(client, models, "conductor-5@0"), add(client, models, "endless", capacity=2)
    body = {"name": "busy", "goal": "x", "conductor": lead, "worker": worker, "start": True}
    group = done(client.post("/groups", json=body), 201)["id"]

    def busy() -> Json | None:
        found = member(client, worker)
        return found if (found["seats"], found["queued"]) == (2, 3) and found["tokens_s"] > 20 else None

    found = wait_for(busy, "two at work and three that wait")
    assert found["tokens_s"] < 300, "two models at 50 words a second"
    conductor = member(client, lead)
    assert (conductor["load"], conductor["seats"]) == (1, 0), "who waits for its sub-agents takes no seat"
    done(client.post(f"/groups/{group}/cancel"))
    idle = wait_for(lambda: (m := member(client, worker))["load"] == 0 and m["tokens_s"] == 0 and m, "nobody at work")
    assert (idle["seats"], idle["queued"], idle["error"]) == (0, 0, None)
    assert len(agents(client, group)) == 6


def test_the_last_error_of_a_member_says_what_when_and_where(client: httpx.Client, tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("import sys\nsys.stdin.readline()\nprint('no json')\n")
    program = {"command": [sys.executable, str(script)]}
    body = {"name": f"Broken {secrets.token_hex(3)}", "kind": "program", "program": program}
    broken = done(client.post("/members", json=body), 201)["id"]
    assert member(client, broken)["error"] is None
    made = done(client.post("/groups", json={"name": "b", "goal": "x", "conductor": broken, "start": True}), 201)
    error = wait_for(lambda: member(client, broken)["error"], "the error")
    assert "is not of the protocol" in error["sentence"]
    assert error["hint"]
    assert error["agent"] == made["root"]
    assert error["at"] >= made["started_at"]
    done(client.post(f"/groups/{made['id']}/cancel"))
    until_status(client, made["id"], "cancelled")
    assert member(client, broken)["error"] == error, "it stays until there is a newer one"


def test_a_test_is_kept_with_its_time_until_the_member_is_another(client: httpx.Client, models: ModelProcess) -> None:
    tried = add(client, models, "echo")
    assert member(client, tried)["tested"] is None
    answer = done(client.post(f"/members/{tried}/test"))
    kept = member(client, tried)["tested"]
    assert {name: kept[name] for name in answer} == answer
    assert kept["ok"]
    assert kept["at"] > 1_000_000_000_000
    done(client.patch(f"/members/{tried}", json={"model": {"model": "nope"}}))
    assert member(client, tried)["tested"] is None, "that was another model"
    assert not done(client.post(f"/members/{tried}/test"))["ok"]
    assert member(client, tried)["tested"]["sentence"]


def test_what_a_removed_member_left_does_not_come_back_with_its_name(
    client: httpx.Client, models: ModelProcess
) -> None:
    tried = add(client, models, "echo")
    done(client.post(f"/members/{tried}/test"))
    name = member(client, tried)["name"]
    done(client.delete(f"/members/{tried}"))
    body = {"name": name, "kind": "model", "model": {"base_url": models.base_url, "model": "echo"}}
    assert done(client.post("/members", json=body), 201)["id"] == tried
    assert member(client, tried)["tested"] is None


def test_the_guide_ticks_itself_off_by_what_is_on_record(tmp_path: Path, models: ModelProcess, folder: Path) -> None:
    home = tmp_path / "home"

    def steps(client: httpx.Client) -> dict[str, bool]:
        return {step["id"]: step["done"] for step in done(client.get("/guide"))["steps"]}

    with ServerProcess(home, pages=False) as server:
        with httpx.Client(base_url=server.api, timeout=30) as client:
            assert done(client.get("/guide"))["shown"]
            assert not any(steps(client).values())
            body = {"name": "s", "template": "survey", "folder": str(folder), "pace": 2, "start": True}
            group = done(client.post("/groups", json=body), 201)["id"]
            wait_for(lambda: steps(client)["see"], "the survey ticked off")
            add(client, models, "echo")
            wait_for(lambda: steps(client)["model"], "the model ticked off")
            at_work = wait_for(
                lambda: next(s for s in done(client.get("/guide"))["steps"] if s["id"] == "take_over")["agent"],
                "a sub-agent to be taken over",
            )
            assert at_work.startswith(f"{group}-")
            done(client.post(f"/agents/{at_work}/take-over", json={"mode": "now"}))
            wait_for(lambda: steps(client)["take_over"], "the take-over ticked off")
            assert not steps(client)["people"]
            assert not done(client.put("/guide", json={"shown": False}))["shown"]
        server.stop()
    with ServerProcess(home, pages=False) as server:
        with httpx.Client(base_url=server.api, timeout=30) as client:
            assert not done(client.get("/guide"))["shown"], "it stays closed"
            assert sum(steps(client).values()) == 3, "and knows what was done"
            key = (home / "set-up.key").read_text()
            assert done(client.put("/guide", json={"shown": True}))["shown"]
            ada = {"key": key, "sign_in_name": "ada", "name": "Ada", "password": "correct horse"}
            assert client.post("/set-up", json=ada).is_success
            wait_for(lambda: all(steps(client).values()), "sign-in ticked off")
            assert not done(client.get("/guide"))["shown"], "there is nothing left to show"
        server.stop()
