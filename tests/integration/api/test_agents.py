"""What else people ask of one sub-agent: other drivers, forks, ends, pauses, and words on the way."""

from __future__ import annotations

import secrets

import httpx
from api_steps import Json, Plans, agents, done, refused, requests_of, take_over, thread, until, until_state, wait_for


def _parent(client: httpx.Client, plans: Plans) -> tuple[str, Json]:
    """A conductor driven by a person, and its child in the middle of a turn."""
    agent = plans.talking("I conduct.")["id"]
    epoch = take_over(client, agent)["epoch"]
    role = {"name": "create_subagent", "arguments": {"name": "helper", "system_prompt": "Help."}}
    done(client.post(f"/agents/{agent}/steps", json={"epoch": epoch, "content": "", "tool_calls": [role]}))
    plan = '{"turns": [{"text": "I help.", "wait": "never", "calls": []}]}'
    task = {"name": "assign_task", "arguments": {"agent": "helper", "prompt": f"Help.\n{plan}", "title": "Helping"}}
    made = done(client.post(f"/agents/{agent}/steps", json={"epoch": epoch, "content": "", "tool_calls": [task]}))
    assert [child["title"] for child in made["children"]] == ["Helping"]
    child = until(client, made["children"][0]["id"], lambda a: a["partial"]["text"] == "I help.")
    return agent, child


def test_a_task_is_reassigned_to_another_program_that_is_told_why(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking("I never finish.")["id"]
    before = done(client.get(f"/agents/{agent}"))["epoch"]
    body = {"to": "survey-worker", "reason": "You measure better."}
    given = done(client.post(f"/agents/{agent}/reassign", json=body))
    assert (given["epoch"], given["member"], given["driver"]["id"]) == (before + 1, "survey-worker", "survey-worker")
    ended = until_state(client, agent, "done")
    assert ended["driver"] is None
    told = next(entry for entry in thread(client, agent) if entry["kind"] == "reassign")
    assert "You measure better." in told["content"]
    assert [e["content"] for e in thread(client, agent) if e["unfinished"]] == ["I never finish."]
    assert thread(client, agent)[-1]["by"] == "survey-worker"


def test_a_task_is_reassigned_to_a_person_who_is_asked_to_come(client: httpx.Client, plans: Plans) -> None:
    person = done(client.post("/members", json={"name": f"Bo {secrets.token_hex(3)}", "kind": "person"}), 201)["id"]
    agent = plans.talking()["id"]
    done(client.post(f"/agents/{agent}/reassign", json={"to": person, "reason": "It needs a person."}))
    driven = until_state(client, agent, "driving")
    assert (driven["driver"]["id"], driven["driver"]["kind"]) == (person, "person")
    invited = requests_of(client, driven["group"])[0]
    assert (invited["kind"], invited["agent"], invited["tool"]) == ("task", agent, person)
    body = {"epoch": driven["epoch"], "content": "Done by hand.", "result": True}
    ended = done(client.post(f"/agents/{agent}/steps", json=body, headers={"x-claw-person": person}))
    assert ended["state"] == "done"
    assert done(client.get("/requests", params={"group": driven["group"]}))["requests"] == []


def test_a_reassignment_to_nobody_or_to_the_driver_is_refused(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()["id"]
    wrong = client.post(f"/agents/{agent}/reassign", json={"to": "nobody"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "not_found")
    assert plans.member in wrong.json()["error"]["hint"]
    refused(client.post(f"/agents/{agent}/reassign", json={"to": plans.member}), "reassign", "driving")


def test_a_fork_shares_the_thread_and_the_files_up_to_its_step(client: httpx.Client, plans: Plans) -> None:
    first, second = secrets.token_hex(4), secrets.token_hex(4)
    write = ("write_file", {"path": "a.txt", "content": "one"})
    again = ("write_file", {"path": "a.txt", "content": "two"})
    agent = plans.group(
        plans.turn("One.", write), plans.turn("Two.", again, wait=first), plans.turn("Three.", wait=second)
    )
    plans.open(first)
    until(client, agent, lambda a: a["step"] == 2 and a["partial"]["text"] == "Three.")
    fork = done(client.post(f"/agents/{agent}/fork", json={"step": 1}), 201)
    assert fork["title"] == "Fork of conductor at step 1"
    until(client, fork["id"], lambda a: a["partial"]["text"] == "Three.")
    shared = [entry["content"] for entry in thread(client, fork["id"]) if entry["role"] == "assistant"]
    assert shared[:2] == ["One.", "Two."], "it goes on by itself from the step that it was forked from"
    refused(client.post(f"/agents/{agent}/fork", json={"step": 99}), "fork", "driving")
    wrong = client.post(f"/agents/{agent}/fork", json={"step": 1, "member": "nobody"})
    assert wrong.status_code == 404
    done(client.post(f"/agents/{fork['id']}/cancel"))


def test_a_fork_begins_with_the_files_as_they_were_then(client: httpx.Client, plans: Plans) -> None:
    gate = secrets.token_hex(4)
    one = ("write_file", {"path": "a.txt", "content": "one"})
    two = ("write_file", {"path": "a.txt", "content": "two"})
    agent = plans.group(plans.turn("One.", one), plans.turn("Two.", two), plans.turn("Three.", wait=gate))
    until(client, agent, lambda a: a["step"] == 2 and a["partial"]["text"] == "Three.")
    person = done(client.post("/members", json={"name": f"Cy {secrets.token_hex(3)}", "kind": "person"}), 201)["id"]
    done(client.post(f"/agents/{agent}/steer", json={"message": "I am here."}, headers={"x-claw-person": person}))
    fork = done(client.post(f"/agents/{agent}/fork", json={"step": 1, "member": person}), 201)["id"]
    until(client, fork, lambda a: a["state"] == "driving" and a["driver"]["id"] == person)
    assert [e["content"] for e in thread(client, fork) if e["role"] == "assistant"] == ["One."]

    def content(of: str) -> str:
        read = client.get(f"/agents/{of}/files/a.txt")
        return str(read.json()["text"]) if read.status_code == 200 else ""

    assert wait_for(lambda: content(fork), "the fork's files") == "one"
    assert content(agent) == "two"


def test_with_a_cancelled_sub_agent_its_children_end(client: httpx.Client, plans: Plans) -> None:
    agent, child = _parent(client, plans)
    ended = done(client.post(f"/agents/{agent}/cancel", json={"children": "end"}))
    assert (ended["state"], ended["group_status"]) == ("cancelled", "finished")
    assert done(client.get(f"/agents/{child['id']}"))["state"] == "cancelled"
    kept = wait_for(lambda: [e for e in thread(client, child["id"]) if e["unfinished"]], "the child's kept words")
    assert kept[0]["content"] == "I help."


def test_children_that_are_handed_up_go_on_without_their_parent(client: httpx.Client, plans: Plans) -> None:
    agent, child = _parent(client, plans)
    done(client.post(f"/agents/{agent}/cancel", json={"children": "hand_up"}))
    now = done(client.get(f"/agents/{child['id']}"))
    assert (now["state"], now["parent"], now["epoch"]) == ("driving", None, child["epoch"])
    assert now["partial"]["text"] == "I help.", "nobody stopped it"
    assert now["group_status"] == "running"
    done(client.post(f"/agents/{child['id']}/cancel"))
    assert {a["state"] for a in agents(client, now["group"])} == {"cancelled"}


def test_a_cancelled_childs_parent_hears_of_it(client: httpx.Client, plans: Plans) -> None:
    agent, child = _parent(client, plans)
    done(client.post(f"/agents/{child['id']}/cancel"))
    told = until(client, agent, lambda a: not a["calls"])
    assert told["state"] == "driving"
    last = thread(client, agent)[-1]
    assert (last["role"], last["fate"]) == ("tool", "failed")
    assert "was cancelled by you" in last["content"]


def test_a_paused_sub_agent_stops_after_its_step_and_a_pause_that_has_not_come_may_be_taken_back(
    client: httpx.Client, plans: Plans
) -> None:
    gate = secrets.token_hex(4)
    agent = plans.group(plans.turn("One.", ("list_files", {}), wait=gate), result="went on")
    until(client, agent, lambda a: a["partial"]["text"] == "One.")
    refused(client.post(f"/agents/{agent}/resume"), "resume", "driving")
    assert done(client.post(f"/agents/{agent}/pause"))["pausing"] == "you"
    refused(client.post(f"/agents/{agent}/pause"), "pause", "driving")
    assert done(client.post(f"/agents/{agent}/resume"))["pausing"] == ""
    done(client.post(f"/agents/{agent}/pause"))
    plans.open(gate)
    stands = until_state(client, agent, "paused")
    assert (stands["step"], stands["driver"]) == (1, None)
    refused(client.post(f"/agents/{agent}/pause"), "pause", "paused")
    wait_for(lambda: client.post(f"/agents/{agent}/resume").status_code == 200, "the stop's proof")
    until_state(client, agent, "done")
    assert thread(client, agent)[-1]["content"] == "went on"


def test_words_are_queued_shown_and_delivered_at_the_end_of_the_step(client: httpx.Client, plans: Plans) -> None:
    first, second = secrets.token_hex(4), secrets.token_hex(4)
    agent = plans.group(plans.turn("One.", ("list_files", {}), wait=first), plans.turn("Two.", wait=second))
    until(client, agent, lambda a: a["partial"]["text"] == "One.")
    queued = done(client.post(f"/agents/{agent}/steer", json={"message": "Look at the tests, too."}))
    assert [(steer["text"], steer["by"]) for steer in queued["steers"]] == [("Look at the tests, too.", "you")]
    assert not [entry for entry in thread(client, agent) if entry["kind"] == "steer"], "not before the step is over"
    plans.open(first)
    until(client, agent, lambda a: not a["steers"])
    roles = [(entry["role"], entry["kind"]) for entry in thread(client, agent)]
    assert roles == [("user", "task"), ("assistant", ""), ("tool", ""), ("user", "steer")]
    plans.open(second)
    until_state(client, agent, "done")
    assert client.post(f"/agents/{agent}/steer", json={"message": ""}).status_code == 422
