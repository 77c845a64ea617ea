"""A person who goes away at the wheel leaves a request behind, over the API: in words, with choices that work."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from api_steps import PATIENCE_S, Json, Plans, done, refused, take_over, thread, until, until_state, wait_for_runner

from clawgroups.testing.server_process import ServerProcess

NOTE: Json = {"name": "write_file", "arguments": {"path": "note.txt", "content": "by a person\n"}}


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server whose people lose the wheel after three seconds without a sign of life."""
    env = {"CLAWGROUPS_LEASE_S": "3"}
    with (
        ServerProcess(tmp_path_factory.mktemp("hasty"), pages=False, env=env) as running,
        httpx.Client(base_url=running.api, timeout=PATIENCE_S) as client,
    ):
        wait_for_runner(running)
        yield client


@pytest.fixture(scope="module")
def hasty_plans(hasty: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Plans:
    """Makes sub-agents there."""
    return Plans(hasty, tmp_path_factory.mktemp("hasty-gates"))


def _goes_away(client: httpx.Client, plans: Plans, gate: str) -> tuple[str, Json]:
    """A sub-agent in whose place a person wrote a note and went away, and the request that it left."""
    agent = plans.group(plans.turn("I work.", wait=gate))
    until(client, agent, lambda a: a["partial"]["text"])
    epoch = take_over(client, agent)["epoch"]
    done(client.post(f"/agents/{agent}/steps", json={"epoch": epoch, "content": "I note.", "tool_calls": [NOTE]}))
    stopped = until(client, agent, lambda a: a["state"] == "paused" and a["stop"]["epoch"] == epoch)
    assert not stopped["calls"]
    (request,) = [one for one in done(client.get("/requests"))["requests"] if one["agent"] == agent]
    return agent, request


def _closed(client: httpx.Client, request: Json) -> Json:
    """The request once it is settled; nothing of its sub-agent may be open any more."""
    rows = done(client.get("/requests", params={"group": request["group"], "state": "closed"}))["requests"]
    still = done(client.get("/requests", params={"group": request["group"]}))["requests"]
    assert still == []
    return next(row for row in rows if row["id"] == request["id"])


def test_it_is_asked_in_words_and_let_go_on_the_agent_knows_what_the_person_did(
    hasty: httpx.Client, hasty_plans: Plans
) -> None:
    agent, request = _goes_away(hasty, hasty_plans, "first")
    assert (request["kind"], request["assigned"]) == ("stall", "")
    name = done(hasty.get("/me"))["name"]
    assert request["title"] == f"{name}'s wheel of {request['agent_name']} ran out; nobody drives it."
    assert [(one["id"], one["label"]) for one in request["choices"]] == [
        ("resume", "Let it go on"),
        ("take_over", "Take over"),
        ("reassign", "Give to another"),
        ("fail", "End this sub-agent"),
    ]
    done(hasty.post(f"/requests/{request['id']}/answer", json={"decision": "resume"}))
    until_state(hasty, agent, "done")
    (record,) = [entry["content"] for entry in thread(hasty, agent) if entry["kind"] == "lapse"]
    for told in ("went away without handing it back", "called write_file", "note.txt (added)", "+by a person"):
        assert told in record
    again = hasty.post(f"/requests/{request['id']}/answer", json={"decision": "resume"})
    refused(again, "answered_once", "closed")


def test_who_answers_takes_over_with_a_lease_of_the_house_and_it_is_asked_again_when_that_ends(
    hasty: httpx.Client, hasty_plans: Plans
) -> None:
    agent, request = _goes_away(hasty, hasty_plans, "second")
    done(hasty.post(f"/requests/{request['id']}/answer", json={"decision": "take_over"}))
    driven = done(hasty.get(f"/agents/{agent}"))
    assert driven["driver"]["id"] == "you"
    assert driven["lease_until"] - driven["driver"]["since"] == 3_000
    until_state(hasty, agent, "paused")
    asked = done(hasty.get("/requests", params={"group": request["group"]}))["requests"]
    assert [one["tool"] for one in asked] == ["lease_lapsed"]
    assert asked[0]["id"] != request["id"]
    done(hasty.post(f"/requests/{asked[0]['id']}/answer", json={"decision": "fail"}))
    assert done(hasty.get(f"/agents/{agent}"))["state"] == "cancelled"
    assert _closed(hasty, asked[0])["decision"] == "fail"


def test_it_is_given_to_a_member_that_was_not_in_the_group_and_is_told(hasty: httpx.Client, hasty_plans: Plans) -> None:
    agent, request = _goes_away(hasty, hasty_plans, "third")
    other = Plans(hasty, hasty_plans._gates)
    done(hasty.post(f"/requests/{request['id']}/answer", json={"decision": "reassign", "member": other.member}))
    until_state(hasty, agent, "done")
    assert _closed(hasty, request)["decision"] == "reassign"
    told = [entry["content"] for entry in thread(hasty, agent) if entry["role"] == "user"]
    assert any("gave this task to you" in words and "called write_file" in words for words in told)


def test_resumed_in_another_way_it_closes_by_itself(hasty: httpx.Client, hasty_plans: Plans) -> None:
    agent, request = _goes_away(hasty, hasty_plans, "fourth")
    done(hasty.post(f"/agents/{agent}/resume"))
    assert _closed(hasty, request)["state"] == "withdrawn"
    until_state(hasty, agent, "done")
