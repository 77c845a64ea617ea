"""A group's whole life over REST: made, started, watched, paused, resumed, ended; its record and its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_steps import Plans, agents, done, make_group, refused, take_over, thread, until_state, until_status, wait_for


def test_a_survey_runs_from_its_making_to_its_report(client: httpx.Client, folder: Path) -> None:
    group = make_group(client, folder, start=False, name="  Three files  ")
    draft = done(client.get(f"/groups/{group}"))
    assert (draft["name"], draft["status"], draft["started_at"], draft["template"]) == (
        "Three files",
        "draft",
        0,
        "survey",
    )
    assert draft["folder"] == str(folder)
    assert [agent["state"] for agent in agents(client, group)] == ["queued"]
    assert group in [found["id"] for found in done(client.get("/groups"))["groups"]]

    assert done(client.post(f"/groups/{group}/start"))["status"] == "running"
    ended = until_status(client, group, "finished")

    assert ended["counts"]["done"] == len(agents(client, group)) == 4
    assert 0 < ended["started_at"] <= ended["ended_at"]
    assert ended["steps"] >= ended["critical"] > 0
    root, *workers = agents(client, group)
    assert {worker["parent"] for worker in workers} == {root["id"]} == {ended["root"]}
    said = [entry for entry in thread(client, workers[0]["id"]) if entry["role"] == "tool"]
    tools = sorted((entry["name"], entry["fate"]) for entry in said)
    assert tools == [("measure_file", "done"), ("read_file", "done")], "in whatever order the two ended"
    assert "survey.md" in [file["path"] for file in done(client.get(f"/groups/{group}/files"))["files"]]
    report = client.get(f"/groups/{group}/files/survey.md")
    assert all(f"part{number}.py" in report.text for number in range(3))
    assert report.headers["content-type"] == "application/octet-stream", "what agents write is never shown as a page"
    assert "attachment" in report.headers["content-disposition"]


def test_the_record_can_be_paged_without_gap_and_the_export_is_the_same_record(
    client: httpx.Client, folder: Path
) -> None:
    group = make_group(client, folder)
    until_status(client, group, "finished")
    paged: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = done(client.get(f"/groups/{group}/events", params={"after": after, "limit": 7}))
        assert len(page["events"]) == 7 or page["next"] is None
        paged += page["events"]
        after = page["next"]
    assert [event["seq"] for event in paged] == list(range(1, done(client.get(f"/groups/{group}"))["seq"] + 1))
    assert paged[0]["kind"] == "group_created"
    assert {"seq", "at", "actor", "agent_id", "epoch", "kind", "body"} == paged[0].keys()
    exported = client.get(f"/groups/{group}/export")
    assert exported.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in exported.text.splitlines()]
    assert [(line["seq"], line["kind"]) for line in lines] == [(event["seq"], event["kind"]) for event in paged]
    assert [line["body"]["agent"] for line in lines if line["agent_id"]] == [
        event["agent_id"] for event in paged if event["agent_id"]
    ]


def test_a_transcript_can_be_paged_forwards_and_backwards(client: httpx.Client, folder: Path) -> None:
    group = make_group(client, folder)
    until_status(client, group, "finished")
    whole = thread(client, f"{group}-1")
    forwards: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = done(client.get(f"/agents/{group}-1/transcript", params={"after": after, "limit": 2}))
        forwards += page["entries"]
        after = page["next"]
    assert forwards == whole
    backwards = whole[-1:]
    while backwards[0]["seq"] > whole[0]["seq"]:
        params = {"before": backwards[0]["seq"], "limit": 2}
        backwards = done(client.get(f"/agents/{group}-1/transcript", params=params))["entries"] + backwards
    assert backwards == whole


def test_a_paused_group_stands_still_after_the_step_and_goes_on_where_it_was(
    client: httpx.Client, plans: Plans
) -> None:
    call = ("write_file", {"path": "a.txt", "content": "a"})
    agent = plans.group(plans.turn("First.", call, wait="pause-1"), result="both turns")
    group = agent.rsplit("-", 1)[0]
    until_state(client, agent, "driving")
    assert done(client.post(f"/groups/{group}/pause"))["status"] == "paused"
    refused(client.post(f"/groups/{group}/pause"), "pause", "paused")
    plans.open("pause-1")
    stands = until_state(client, agent, "paused")
    assert stands["step"] == 1, "the step under way was finished"
    assert stands["driver"] is None
    assert done(client.post(f"/groups/{group}/resume"))["status"] == "running"
    until_status(client, group, "finished")
    assert [entry["content"] for entry in thread(client, agent) if entry["role"] == "assistant"] == [
        "First.",
        "both turns",
    ]


def test_a_cancelled_group_ends_everybody_and_says_who_did_it(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking("I never end by myself.")["id"]
    group = agent.rsplit("-", 1)[0]
    assert done(client.post(f"/groups/{group}/cancel"))["status"] == "cancelled"
    assert until_state(client, agent, "cancelled")["driver"] is None
    kept = wait_for(lambda: [entry for entry in thread(client, agent) if entry["unfinished"]], "the kept words")
    assert kept[0]["content"] == "I never end by myself."
    last = done(client.get(f"/groups/{group}/events", params={"limit": 1_000}))["events"]
    assert ("group_cancelled", "you") in [(event["kind"], event["actor"]) for event in last]


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("draft", {"start", "cancel"}),
        ("running", {"pause", "cancel"}),
        ("paused", {"resume", "cancel"}),
        ("ended", set()),
    ],
)
def test_what_a_groups_state_does_not_allow_is_refused_with_rule_and_state(
    client: httpx.Client, plans: Plans, status: str, allowed: set[str]
) -> None:
    group = plans.group(plans.turn(wait="never"), start=status != "draft").rsplit("-", 1)[0]
    for action in {"paused": ["pause"], "ended": ["cancel"]}.get(status, []):
        done(client.post(f"/groups/{group}/{action}"))
    now = done(client.get(f"/groups/{group}"))["status"]
    for action in {"start", "pause", "resume", "cancel"} - allowed:
        error = refused(client.post(f"/groups/{group}/{action}"), action, now)
        assert now in error["sentence"]
    for action in sorted(allowed):
        done(client.post(f"/groups/{group}/{action}"))
        break
    client.post(f"/groups/{group}/cancel")


def test_a_group_keeps_the_limits_rules_and_policies_it_was_made_with(client: httpx.Client, plans: Plans) -> None:
    limits = {"max_live": 7, "max_steps": 50, "budget_usd": 1.5, "hours": 2}
    agent = plans.group(
        plans.turn(wait="never"), start=False, rules="Be kind.", limits=limits, policies={"edit_file": "deny"}
    )
    group = done(client.get(f"/groups/{agent.rsplit('-', 1)[0]}"))
    assert group["rules"] == "Be kind."
    wanted = {"agent_steps": 4_000, "budget_tokens": 0, **limits}
    assert group["limits"] == wanted, "what is not named keeps its default"
    tools = {tool["name"]: tool["policy"] for tool in done(client.get(f"/agents/{agent}"))["tools"]}
    assert "edit_file" not in tools
    assert tools["run_command"] == "ask"
    assert tools["read_file"] == "allow"


def test_at_its_limit_of_steps_a_group_asks_and_goes_on_when_it_is_raised(client: httpx.Client, plans: Plans) -> None:
    call = ("list_files", {})
    agent = plans.group(plans.turn("One.", call), plans.turn("Two.", call), limits={"max_steps": 1})
    group = agent.rsplit("-", 1)[0]
    asked = wait_for(lambda: done(client.get("/requests", params={"group": group}))["requests"], "the question")[0]
    assert (asked["kind"], asked["tool"]) == ("budget", "max_steps")
    assert until_state(client, agent, "waiting")["wait"] == "budget"
    answered = done(client.post(f"/requests/{asked['id']}/answer", json={"decision": "raise", "amount": 9}))
    assert (answered["state"], answered["by"]) == ("answered", "you")
    assert until_status(client, group, "finished")["limits"]["max_steps"] == 10


def test_a_sub_agents_files_are_shown_with_what_changed_and_never_from_outside(
    client: httpx.Client, plans: Plans
) -> None:
    agent = plans.talking("I wait for you.")["id"]
    driven = take_over(client, agent)
    call = {"name": "write_file", "arguments": {"path": "notes/a.md", "content": "# Mine\n"}}
    done(
        client.post(
            f"/agents/{agent}/steps", json={"epoch": driven["epoch"], "content": "I write.", "tool_calls": [call]}
        )
    )
    wait_for(lambda: not done(client.get(f"/agents/{agent}"))["calls"], "the call's end")
    shown = done(client.get(f"/agents/{agent}/files"))
    assert [(file["path"], file["status"]) for file in shown["files"]] == [("notes/a.md", "added")]
    assert "+# Mine" in shown["diff"]
    assert "# Mine" in json.dumps(done(client.get(f"/agents/{agent}/files/notes/a.md")))
    for path in ("none.md", "..%2F..%2Fclawgroups.db", "%2Fetc%2Fpasswd"):
        wrong = client.get(f"/agents/{agent}/files/{path}")
        assert wrong.status_code in (404, 422), wrong.text
        assert wrong.json()["error"]["hint"] is not None
    group = agent.rsplit("-", 1)[0]
    for path in ("none.md", "..%2F..%2F..%2Fclawgroups.db", "%2Fetc%2Fpasswd"):
        assert client.get(f"/groups/{group}/files/{path}").status_code == 404
    client.post(f"/groups/{group}/cancel")
