"""The wheel over REST: take over, work in a sub-agent's place, hand back with a record; whose writes are refused."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest
from api_steps import Json, Plans, done, refused, take_over, thread, until, until_state, wait_for

READ: Json = {"name": "list_files", "arguments": {"path": "."}}
NOTE: Json = {"name": "write_file", "arguments": {"path": "note.txt", "content": "by a person\n"}}


@pytest.fixture(scope="module")
def ann(client: httpx.Client) -> dict[str, str]:
    """The header with which a second person acts."""
    made = done(client.post("/members", json={"name": f"Ann {secrets.token_hex(3)}", "kind": "person"}), 201)
    return {"x-claw-person": made["id"]}


def test_a_person_takes_over_works_in_its_place_and_hands_back_with_a_record(
    client: httpx.Client, plans: Plans
) -> None:
    before = plans.talking("I begin with something that")
    agent = before["id"]
    taken = done(client.post(f"/agents/{agent}/take-over", json={"mode": "now"}))
    assert taken["epoch"] == before["epoch"] + 1, "the fence is committed before anybody is told to stop"
    driven = until_state(client, agent, "driving")
    assert (driven["driver"]["id"], driven["driver"]["kind"]) == ("you", "person")
    assert driven["former"] == plans.member
    assert driven["lease_until"] > driven["driver"]["since"]
    assert driven["taken"]["by"] == "you"
    proof = driven["stop"]
    assert proof["epoch"] == before["epoch"], "the proof is about the old driver"
    assert (proof["proof"]["model_call"], proof["proof"]["processes"]) == ("aborted", 0)

    step = {"epoch": driven["epoch"], "content": "I write a note.", "tool_calls": [NOTE]}
    made = done(client.post(f"/agents/{agent}/steps", json=step))
    assert made["step"] == 1
    until(client, agent, lambda a: not a["calls"])
    shown = done(client.get(f"/agents/{agent}/hand-back/preview", params={"note": "Mind the note."}))["text"]
    handed = done(client.post(f"/agents/{agent}/hand-back", json={"epoch": driven["epoch"], "note": "Mind the note."}))
    assert (handed["driver"]["id"], handed["epoch"]) == (plans.member, driven["epoch"] + 1)
    until_state(client, agent, "done")

    entries = thread(client, agent)
    record = next(entry for entry in entries if entry["kind"] == "hand_back")
    assert record["role"] == "user"
    assert record["content"] == shown, "the preview is exactly what the agent was told"
    for told in ("Mind the note.", "write_file", "I write a note.", "note.txt (added)", "+by a person", "interrupted"):
        assert told in record["content"]
    unfinished, mine, result = (entries[place] for place in (1, 2, 3))
    assert (unfinished["content"], unfinished["unfinished"]) == ("I begin with something that", True)
    assert (mine["by"], mine["by_kind"], mine["calls"][0]["name"]) == ("you", "person", "write_file")
    assert (result["role"], result["fate"], result["call_id"]) == ("tool", "done", mine["calls"][0]["id"])


def test_a_person_may_end_the_task_in_the_agents_place(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()["id"]
    epoch = take_over(client, agent)["epoch"]
    mixed = {"epoch": epoch, "content": "All done.", "tool_calls": [READ], "result": True}
    wrong = client.post(f"/agents/{agent}/steps", json=mixed)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "invalid")
    ended = done(client.post(f"/agents/{agent}/steps", json={"epoch": epoch, "content": "All done.", "result": True}))
    assert ended["state"] == "done"
    assert thread(client, agent)[-1]["content"] == "All done."


def test_a_person_may_write_several_turns_and_an_empty_one_is_no_turn(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()["id"]
    epoch = take_over(client, agent)["epoch"]
    for number in (1, 2):
        body = {"epoch": epoch, "content": f"Thought {number}."}
        assert done(client.post(f"/agents/{agent}/steps", json=body))["step"] == number
    wrong = client.post(f"/agents/{agent}/steps", json={"epoch": epoch, "content": "  "})
    assert wrong.status_code == 422
    assert "empty" in wrong.json()["error"]["sentence"]


def test_a_stale_write_is_refused_with_the_present_epoch_and_driver(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()["id"]
    epoch = take_over(client, agent)["epoch"]
    done(client.post(f"/agents/{agent}/hand-back", json={"epoch": epoch}))
    now = done(client.get(f"/agents/{agent}"))
    for path, body in (
        ("steps", {"epoch": epoch, "content": "too late"}),
        ("lease", {"epoch": epoch}),
        ("steps", {"epoch": epoch + 40, "content": "too early"}),
    ):
        error = refused(client.post(f"/agents/{agent}/{path}", json=body), "alone", now["state"])
        assert error["code"] == "stale_epoch"
        assert (error["epoch"], error["driver"]) == (epoch + 1, plans.member)
        assert error["hint"]
    assert all("too late" not in entry["content"] for entry in thread(client, agent))


def test_a_stale_hand_back_is_refused_too(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()["id"]
    epoch = take_over(client, agent)["epoch"]
    error = refused(client.post(f"/agents/{agent}/hand-back", json={"epoch": epoch - 1}), "alone", "driving")
    assert (error["code"], error["epoch"], error["driver"]) == ("stale_epoch", epoch, "you")


def test_who_does_not_hold_the_wheel_can_neither_write_nor_take_it_from_a_person(
    client: httpx.Client, plans: Plans, ann: dict[str, str]
) -> None:
    agent = plans.talking()["id"]
    before = done(client.get(f"/agents/{agent}"))["epoch"]
    early = {"epoch": before, "content": "I was not asked."}
    error = refused(client.post(f"/agents/{agent}/steps", json=early), "alone", "driving")
    assert error["code"] == "refused"
    assert plans.member in error["sentence"]
    epoch = take_over(client, agent)["epoch"]
    body = {"epoch": epoch, "content": "I am Ann."}
    refused(client.post(f"/agents/{agent}/steps", json=body, headers=ann), "alone", "driving")
    refused(client.post(f"/agents/{agent}/take-over", headers=ann), "one_driver", "driving")
    refused(client.post(f"/agents/{agent}/hand-back", json={"epoch": epoch}, headers=ann), "hand_back", "driving")
    refused(client.post(f"/agents/{agent}/lease", json={"epoch": epoch}, headers=ann), "lease", "driving")
    refused(client.post(f"/agents/{agent}/take-over"), "take_over", "driving")
    assert done(client.get(f"/agents/{agent}"))["driver"]["id"] == "you"


def test_a_person_hands_the_wheel_to_another_person_who_works_on(
    client: httpx.Client, plans: Plans, ann: dict[str, str]
) -> None:
    agent = plans.talking()["id"]
    # who acts in a group for the first time joins it; so Ann is there to be handed the wheel
    done(client.post(f"/agents/{agent}/steer", json={"message": "Ann is here."}, headers=ann))
    epoch = take_over(client, agent)["epoch"]
    handed = done(client.post(f"/agents/{agent}/hand-back", json={"epoch": epoch, "to": ann["x-claw-person"]}))
    assert handed["driver"]["id"] == ann["x-claw-person"]
    body = {"epoch": epoch + 1, "content": "Ann was here.", "result": True}

    def wrote() -> bool:
        return client.post(f"/agents/{agent}/steps", json=body, headers=ann).status_code == 200

    wait_for(wrote, "Ann's turn")
    last = thread(client, agent)[-1]
    assert (last["content"], last["by"]) == ("Ann was here.", ann["x-claw-person"])


def test_a_take_over_after_this_step_waits_for_its_end_and_may_be_taken_back(
    client: httpx.Client, plans: Plans, ann: dict[str, str]
) -> None:
    call = ("list_files", {})
    gate = secrets.token_hex(4)
    agent = plans.group(plans.turn("Listing.", call, wait=gate), plans.turn("Second.", wait=f"{gate}-2"))
    until(client, agent, lambda a: a["partial"]["text"] == "Listing.")
    refused(client.post(f"/agents/{agent}/take-over/withdraw"), "withdraw", "driving")
    asked = done(client.post(f"/agents/{agent}/take-over", json={"mode": "after_step"}))
    assert (asked["asked_by"], asked["driver"]["id"]) == ("you", plans.member)
    again = client.post(f"/agents/{agent}/take-over", json={"mode": "after_step"}, headers=ann)
    refused(again, "one_driver", "driving")
    refused(client.post(f"/agents/{agent}/take-over/withdraw", headers=ann), "withdraw", "driving")
    assert done(client.post(f"/agents/{agent}/take-over/withdraw"))["asked_by"] == ""
    done(client.post(f"/agents/{agent}/take-over", json={"mode": "after_step"}))
    plans.open(gate)
    driven = until(client, agent, lambda a: a["driver"] and a["driver"]["id"] == "you" and a["state"] == "driving")
    assert driven["step"] == 1, "the step was finished first"
    assert [entry["fate"] for entry in thread(client, agent) if entry["role"] == "tool"] == ["done"]
    assert not [entry for entry in thread(client, agent) if entry["unfinished"]]


def test_a_sign_of_life_moves_the_lease_of_who_drives(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()["id"]
    epoch = take_over(client, agent)["epoch"]
    told = done(client.post(f"/agents/{agent}/lease", json={"epoch": epoch}))
    assert told["epoch"] == epoch
    assert told["lease_until"] == done(client.get(f"/agents/{agent}"))["lease_until"] > 0


def test_a_call_under_way_must_end_before_a_hand_back(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()["id"]
    driven = take_over(client, agent)
    command = next(tool for tool in driven["tools"] if tool["name"] == "run_command")
    if command["off"]:
        pytest.fail(f"this needs run_command: {command['off']}")
    call = {"id": "mine", "name": "run_command", "arguments": {"command": "while [ ! -e go ]; do sleep 0.02; done"}}
    body: Json = {"epoch": driven["epoch"], "content": "", "tool_calls": [call]}
    made = done(client.post(f"/agents/{agent}/steps", json=body))
    assert [(c["id"], c["name"], c["status"]) for c in made["calls"]] == [("mine", "run_command", "released")]
    back: dict[str, Any] = {"epoch": driven["epoch"]}
    error = refused(client.post(f"/agents/{agent}/hand-back", json=back), "hand_back", "driving")
    assert "run_command" in error["sentence"]
    refused(
        client.post(f"/agents/{agent}/steps", json={"epoch": driven["epoch"], "content": "x"}), "one_step", "driving"
    )
    done(client.post(f"/agents/{agent}/cancel"))
    fate = wait_for(lambda: [e["fate"] for e in thread(client, agent) if e["call_id"] == "mine"], "the call's fate")
    assert fate == ["unknown"], "it was cut off, and nobody knows what it had done"


def test_what_has_ended_cannot_be_driven_any_more(client: httpx.Client, plans: Plans) -> None:
    agent = plans.group(result="over")
    until_state(client, agent, "done")
    for path, rule, body in (
        ("take-over", "take_over", {}),
        ("hand-back", "hand_back", {}),
        ("steer", "steer", {"message": "x"}),
        ("pause", "pause", None),
        ("resume", "resume", None),
        ("cancel", "cancel", {}),
        ("reassign", "reassign", {"to": plans.member}),
    ):
        error = refused(client.post(f"/agents/{agent}/{path}", json=body), rule, "done")
        assert error["hint"]
