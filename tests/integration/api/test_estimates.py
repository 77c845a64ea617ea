"""What a group may cost, told before it is made: from prices and the record, and honest where nothing is known."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_steps import Json, done, make_group, until_status

from clawgroups.testing.model_process import ModelProcess

PRICES = {"price_in": 1_000.0, "price_out": 4_000.0}


@pytest.fixture(scope="module")
def models() -> Iterator[ModelProcess]:
    with ModelProcess(rate=0) as running:
        yield running


@pytest.fixture
def lead(client: httpx.Client, models: ModelProcess) -> str:
    """A model without prices that conducts three tasks; its id."""
    return member(client, models, "conductor-3@0")


def member(client: httpx.Client, models: ModelProcess, script: str, **more: float) -> str:
    """A model member; its id."""
    body = {"name": f"{script} {secrets.token_hex(3)}", "kind": "model"}
    endpoint = {"base_url": models.base_url, "model": script, **more}
    return str(done(client.post("/members", json={**body, "model": endpoint}), 201)["id"])


def estimate(client: httpx.Client, **body: object) -> Json:
    """What the API says."""
    return done(client.post("/estimate", json=body))


def run(client: httpx.Client, conductor: str, worker: str) -> Json:
    """A group of these, to its end."""
    body = {"name": "earlier", "goal": "Describe.", "conductor": conductor, "worker": worker, "start": True}
    return until_status(client, done(client.post("/groups", json=body), 201)["id"], "finished")


def test_a_model_that_never_ran_is_bounded_by_the_budget_alone(
    client: httpx.Client, models: ModelProcess, lead: str
) -> None:
    worker = member(client, models, "worker-9@0", **PRICES)
    name = done(client.get(f"/members/{worker}"))["name"]
    found = estimate(client, goal="x", conductor=lead, worker=worker, limits={"budget_usd": 2.5})
    assert (found["known"], found["usd"], found["each"]) == (False, None, True)
    assert found["sentence"] == f"Nothing has run with {name} yet; at most your budget of $2.50."
    assert "At $2.50, your budget, it stops and asks you." in found["bounds"]
    without = estimate(client, goal="x", conductor=lead, worker=worker)
    assert without["sentence"] == f"Nothing has run with {name} yet, and no budget is set."


def test_money_comes_from_the_members_price_and_what_its_tasks_used(
    client: httpx.Client, models: ModelProcess, lead: str
) -> None:
    worker = member(client, models, "worker-9@0", **PRICES)
    earlier = run(client, lead, worker)
    found = estimate(client, goal="x", conductor=lead, worker=worker)
    assert found["from"].startswith("From 3 earlier tasks of worker-9@0")
    assert found["agents_from"].startswith("3 sub-agents, as in 1 earlier group of conductor-3@0")
    assert found["agents"] == {"low": 3, "high": 3}
    assert found["usd"]["low"] <= earlier["cost"] <= found["usd"]["high"] + 1e-6
    assert found["usd"]["low"] > 0
    assert found["steps"]["low"] <= earlier["steps"] <= found["steps"]["high"]
    assert found["sentence"].startswith("about $")
    assert any(note.startswith("No price is known for conductor-3@0") for note in found["notes"])
    low = found["usd"]["low"]
    bounded = estimate(client, goal="x", conductor=lead, worker=worker, limits={"budget_usd": low / 2, "max_steps": 2})
    assert len(bounded["bounds"]) == 2
    done(client.patch(f"/members/{worker}", json={"model": {"price_in": 2_000.0, "price_out": 8_000.0}}))
    assert estimate(client, goal="x", conductor=lead, worker=worker)["usd"]["low"] == pytest.approx(2 * low, rel=1e-3)


def test_a_member_without_a_price_is_told_and_not_counted(
    client: httpx.Client, models: ModelProcess, lead: str
) -> None:
    worker = member(client, models, "worker-9@0")
    run(client, lead, worker)
    found = estimate(client, goal="x", conductor=lead, worker=worker)
    assert (found["known"], found["usd"]) == (True, None)
    assert "$" not in found["sentence"]
    assert sum("No price is known for" in note for note in found["notes"]) == 2


def test_the_tasks_of_others_in_the_same_template_tell_of_a_model_that_never_ran(
    client: httpx.Client, models: ModelProcess, lead: str
) -> None:
    run(client, lead, member(client, models, "worker-9@0"))
    worker = member(client, models, "worker-9@0", **PRICES)
    found = estimate(client, goal="x", conductor=lead, worker=worker)
    assert "like this, of other members." in found["from"]
    assert found["usd"]["high"] > 0


def test_programs_cost_nothing_and_files_make_the_number_of_sub_agents(client: httpx.Client, folder: Path) -> None:
    until_status(client, make_group(client, folder), "finished")
    found = estimate(client, template="survey", folder=str(folder))
    assert (found["agents"], found["agents_from"]) == ({"low": 3, "high": 3}, "3 sub-agents")
    assert found["usd"] == {"low": 0, "high": 0}
    assert "$" not in found["sentence"]
    assert "Survey worker is a program and costs nothing." in found["notes"]
    assert found["steps"]["low"] >= 3 * 2
    one = estimate(client, template="survey", folder=str(folder), limit=1)
    assert one["agents"] == {"low": 1, "high": 1}
    assert one["steps"]["high"] < found["steps"]["high"]


def test_a_person_is_asked_for_time_and_not_for_money(client: httpx.Client) -> None:
    name = f"Ada {secrets.token_hex(2)}"
    ada = done(client.post("/members", json={"name": name, "kind": "person"}), 201)["id"]
    found = estimate(client, template="list", lines="a\nb", worker=ada)
    assert found["sentence"] == f"Nothing has run with {name} yet."
    assert f"{name} is a person: the time is theirs, and no money is counted." in found["notes"]
    assert found["agents_from"] == "2 sub-agents"


def test_so_many_at_once_make_the_time(client: httpx.Client, models: ModelProcess, lead: str) -> None:
    worker = member(client, models, "worker-30@60")
    run(client, lead, worker)
    lines = "\n".join(f"task {number}" for number in range(12))
    wide = estimate(client, template="list", lines=lines, worker=worker, at_once=12)
    narrow = estimate(client, template="list", lines=lines, worker=worker, at_once=1)
    assert narrow["seconds"]["low"] == pytest.approx(12 * wide["seconds"]["low"])
    assert wide["seconds"]["low"] >= 0.3, "30 words at 60 a second"
    done(client.patch(f"/members/{worker}", json={"capacity": 4}))
    fits = estimate(client, template="list", lines=lines, worker=worker, at_once=12)
    assert fits["seconds"]["low"] == pytest.approx(3 * wide["seconds"]["low"]), "no more than it has seats"


def test_a_folder_that_is_not_there_is_told_and_does_not_stop_the_estimate(client: httpx.Client, folder: Path) -> None:
    until_status(client, make_group(client, folder), "finished")
    found = estimate(client, template="survey", folder=str(folder / "nowhere"))
    assert found["each"]
    assert f"There is no folder {folder / 'nowhere'}." in found["notes"]
    empty = estimate(client, template="list", lines="", worker="survey-worker")
    assert "The list is empty: this is for one task." in empty["notes"]


def test_nothing_is_made_and_a_wrong_member_is_told_at_its_field(client: httpx.Client, folder: Path) -> None:
    before = done(client.get("/groups"))["groups"]
    estimate(client, template="survey", folder=str(folder), name="")
    assert [g["id"] for g in done(client.get("/groups"))["groups"]] == [g["id"] for g in before]
    reply = client.post("/estimate", json={"template": "list", "lines": "a", "worker": "nobody"})
    assert reply.status_code == 422
    assert reply.json()["error"]["fields"][0]["field"] == "worker"
