"""What waits for a person: approvals, questions, reviews. Each is answered once, whoever is faster."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from api_steps import Json, Plans, done, refused, requests_of, take_over, thread, until, until_state, wait_for

ASK = {"write_file": "ask"}


def _asking(plans: Plans, *paths: str) -> str:
    """A sub-agent that wants to write each of ``paths``, one after another, and may not without a person."""
    turns = [plans.turn("May I?", ("write_file", {"path": path, "content": path})) for path in paths]
    return plans.group(*turns, policies=ASK)


def _asked(client: httpx.Client, agent: str, count: int = 1) -> Json:
    return requests_of(client, agent.rsplit("-", 1)[0], count)[0]


def _answer(client: httpx.Client, request: str, **body: object) -> httpx.Response:
    return client.post(f"/requests/{request}/answer", json=body)


def _results(client: httpx.Client, agent: str) -> list[Json]:
    return [entry for entry in thread(client, agent) if entry["role"] == "tool"]


def test_a_call_that_needs_leave_waits_shown_with_its_arguments(client: httpx.Client, plans: Plans) -> None:
    agent = _asking(plans, "a.txt")
    request = _asked(client, agent)
    assert (request["kind"], request["tool"], request["agent"]) == ("approval", "write_file", agent)
    assert json.loads(request["arguments"]) == {"path": "a.txt", "content": "a.txt"}
    assert [choice["id"] for choice in request["choices"]] == ["approve", "edit", "supply", "deny"]
    seen = done(client.get(f"/agents/{agent}"))
    assert (seen["state"], seen["wait"]) == ("waiting", "approval")
    assert [(call["status"], call["request"]) for call in seen["calls"]] == [("asking", request["id"])]
    assert [one["id"] for one in seen["requests"]] == [request["id"]]
    assert done(client.get(f"/groups/{seen['group']}"))["needs_you"] == 1
    assert _results(client, agent) == [], "nothing has run"


@pytest.mark.parametrize(
    ("body", "fate", "content", "file"),
    [
        ({"decision": "approve"}, "done", "Wrote a.txt", "a.txt"),
        ({"decision": "edit", "arguments": {"path": "b.txt", "content": "mine"}}, "done", "Wrote b.txt", "mine"),
        ({"decision": "supply", "text": "I wrote it myself."}, "done", "I wrote it myself.", None),
        ({"decision": "deny", "text": "Not that file."}, "denied", "Not that file.", None),
        ({"decision": "deny"}, "denied", "denied", None),
    ],
)
def test_an_answer_does_what_it_says(
    client: httpx.Client, plans: Plans, body: Json, fate: str, content: str, file: str | None
) -> None:
    agent = _asking(plans, "a.txt")
    request = _asked(client, agent)
    answered = done(_answer(client, request["id"], **body))
    assert (answered["state"], answered["decision"], answered["by"]) == ("answered", body["decision"], "you")
    until_state(client, agent, "done")
    result = _results(client, agent)[0]
    assert result["fate"] == fate
    assert content in result["content"]
    group = agent.rsplit("-", 1)[0]
    written = [client.get(f"/groups/{group}/files/{name}") for name in ("a.txt", "b.txt")]
    assert [reply.text for reply in written if reply.status_code == 200] == ([file] if file else [])
    closed = done(client.get("/requests", params={"group": group, "state": "closed"}))["requests"]
    assert [(one["id"], one["state"]) for one in closed] == [(request["id"], "answered")]


def test_leave_for_this_tool_is_asked_once(client: httpx.Client, plans: Plans) -> None:
    agent = _asking(plans, "a.txt", "b.txt", "c.txt")
    done(_answer(client, _asked(client, agent)["id"], decision="approve", scope="tool"))
    until_state(client, agent, "done")
    assert [result["fate"] for result in _results(client, agent)] == ["done"] * 3


def test_leave_once_is_asked_again(client: httpx.Client, plans: Plans) -> None:
    agent = _asking(plans, "a.txt", "b.txt")
    first = _asked(client, agent)["id"]
    done(_answer(client, first, decision="approve"))
    second = wait_for(
        lambda: next((r for r in requests_of(client, agent.rsplit("-", 1)[0], 0) if r["id"] != first), None), "another"
    )
    assert json.loads(second["arguments"])["path"] == "b.txt"
    done(_answer(client, second["id"], decision="deny", text="One is enough."))
    until_state(client, agent, "done")
    assert [result["fate"] for result in _results(client, agent)] == ["done", "denied"]


def test_leave_for_this_group_moves_its_policy(client: httpx.Client, plans: Plans) -> None:
    agent = _asking(plans, "a.txt", "b.txt")
    done(_answer(client, _asked(client, agent)["id"], decision="approve", scope="group"))
    ended = until_state(client, agent, "done")
    assert {tool["name"]: tool["policy"] for tool in ended["tools"]}["write_file"] == "allow"


def test_of_two_who_answer_at_once_exactly_one_wins(server_api: str, client: httpx.Client, plans: Plans) -> None:
    for _ in range(5):
        agent = _asking(plans, "a.txt")
        request = _asked(client, agent)["id"]
        start = Barrier(4)

        def answers(decision: str, request: str = request, start: Barrier = start) -> httpx.Response:
            with httpx.Client(base_url=server_api, timeout=30) as own:
                own.get("/status")  # the connection is open before the race begins
                start.wait(10)
                return _answer(own, request, decision=decision, text="x")

        with ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(answers, ["approve", "deny", "supply", "approve"]))
        won = [reply.json() for reply in replies if reply.status_code == 200]
        assert len(won) == 1, [reply.status_code for reply in replies]
        for reply in replies:
            if reply.status_code != 200:
                error = refused(reply, "answered_once", "closed")
                assert "no longer open" in error["sentence"]
        until_state(client, agent, "done")
        fates = [result["fate"] for result in _results(client, agent)]
        assert fates == [{"approve": "done", "supply": "done", "deny": "denied"}[won[0]["decision"]]]


def test_an_answer_that_does_not_fit_leaves_the_request_open(client: httpx.Client, plans: Plans) -> None:
    agent = _asking(plans, "a.txt")
    request = _asked(client, agent)["id"]
    for body, told in (
        ({"decision": "accept"}, "approve, edit, supply, deny"),
        ({"decision": "edit"}, "whole arguments"),
        ({"decision": "approve", "scope": "always"}, "'once'"),
        ({"decision": "approve", "amount": -1}, "at least 0"),
        ({}, "Add it"),
    ):
        wrong = _answer(client, request, **body)
        assert wrong.status_code == 422, wrong.text
        assert told in wrong.json()["error"]["hint"]
    assert _asked(client, agent)["id"] == request
    done(_answer(client, request, decision="approve"))


def test_only_a_person_answers_and_each_under_their_own_name(client: httpx.Client, plans: Plans) -> None:
    person = done(client.post("/members", json={"name": f"Di {secrets.token_hex(3)}", "kind": "person"}), 201)["id"]
    request = _asked(client, _asking(plans, "a.txt"))["id"]
    path, body = f"/requests/{request}/answer", {"decision": "approve"}
    assert client.post(path, json=body, headers={"x-claw-person": "survey-worker"}).status_code == 422
    assert done(client.post(path, json=body, headers={"x-claw-person": person}))["by"] == person


def test_a_question_is_answered_in_words(client: httpx.Client, plans: Plans) -> None:
    agent = plans.group(plans.turn("I ask.", ("ask_person", {"question": "Tea or coffee?"})), result="served")
    asked = _asked(client, agent)
    assert (asked["kind"], asked["detail"]) == ("question", "Tea or coffee?")
    assert _answer(client, asked["id"], decision="answer").status_code == 422, "an empty answer is none"
    done(_answer(client, asked["id"], decision="answer", text="Tea."))
    until_state(client, agent, "done")
    assert [(result["name"], result["content"]) for result in _results(client, agent)] == [("ask_person", "Tea.")]


def test_a_deliverable_is_sent_back_with_reasons_and_then_accepted(client: httpx.Client, plans: Plans) -> None:
    plan = json.dumps({"turns": [], "result": "my work"})
    create = ("create_subagent", {"name": "writer", "system_prompt": "Write."})
    assign = ("assign_task", {"agent": "writer", "prompt": f"Write.\n{plan}", "acceptance": "It is long."})
    agent = plans.group(plans.turn("A role.", create), plans.turn("A task.", assign), result="all written")
    group = agent.rsplit("-", 1)[0]
    first = requests_of(client, group)[0]
    assert (first["kind"], first["detail"]) == ("review", "my work")
    assert until(client, first["agent"], lambda a: a["wait"])["wait"] == "review"
    assert _answer(client, first["id"], decision="reject").status_code == 422, "reasons are needed"
    done(_answer(client, first["id"], decision="reject", text="Too short."))
    second = wait_for(lambda: next((r for r in requests_of(client, group, 0) if r["id"] != first["id"]), None), "again")
    told = [entry["content"] for entry in thread(client, first["agent"]) if entry["kind"] == "steer"]
    assert told == ["Your result was not accepted:\nToo short."]
    done(_answer(client, second["id"], decision="accept"))
    until_state(client, agent, "done")
    assert [r["content"] for r in _results(client, agent) if r["name"] == "assign_task"] == ["my work"]


def test_a_request_nobody_needs_any_more_is_withdrawn(client: httpx.Client, plans: Plans) -> None:
    agent = _asking(plans, "a.txt")
    request = _asked(client, agent)["id"]
    take_over(client, agent)
    done(client.post(f"/agents/{agent}/cancel"))
    group = agent.rsplit("-", 1)[0]
    assert done(client.get("/requests", params={"group": group}))["requests"] == []
    gone = done(client.get("/requests", params={"group": group, "state": "withdrawn"}))["requests"]
    assert [one["id"] for one in gone] == [request]
    assert _answer(client, request, decision="approve").status_code == 409
