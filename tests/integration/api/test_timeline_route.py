"""``GET groups/{id}/timeline``: what it tells of a real group, and what it makes of strange questions."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from api_steps import Json, Plans, agents, done, make_group, requests_of, take_over, until_state, until_status


def timeline(client: httpx.Client, group: str, **asked: object) -> Json:
    """The answer."""
    return done(client.get(f"/groups/{group}/timeline", params={key: str(value) for key, value in asked.items()}))


def test_a_finished_survey_is_told_with_its_tools_waits_and_critical_path(client: httpx.Client, folder: Path) -> None:
    group = make_group(client, folder)
    ended = until_status(client, group, "finished")
    told = timeline(client, group)
    tiles = agents(client, group)
    assert [lane["id"] for lane in told["lanes"]] == [tile["id"] for tile in tiles]
    assert (told["group"], told["base"], told["left_out"]) == (group, ended["created_at"], 0)
    for lane, tile in zip(told["lanes"], tiles, strict=True):
        assert lane["exact"]
        assert [step[2] for step in lane["steps"]] == list(range(1, tile["step"] + 1))
        assert lane["states"][0][2] == "queued"
        assert all(
            end is not None and begin <= end for begin, end, *_ in lane["states"] + lane["steps"] + lane["calls"]
        )
    root, worker = told["lanes"][0], told["lanes"][1]
    assert [wait[2] for wait in root["waits"]] == ["children"]
    assert "measure_file" in {call[2] for call in worker["calls"]}
    driver = told["members"][worker["steps"][0][4]]
    assert driver[1] == "program"
    path = told["critical"]
    assert (path["steps"], path["total"], path["cut"]) == (ended["critical"], ended["steps"], False)
    assert sum(last - first + 1 for _, _, _, first, last in path["parts"]) == ended["critical"]
    assert path["parts"][0][0] == path["parts"][-1][0] == tiles[0]["id"]
    assert len({part[0] for part in path["parts"]}) == 2


def test_a_take_over_and_an_open_question_are_on_the_lane(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()["id"]
    group = agent.split("-")[0]
    take_over(client, agent)
    lane = timeline(client, group)["lanes"][0]
    assert [state[2] for state in lane["states"]] == ["queued", "driving", "handing_over", "driving"]
    assert lane["states"][-1][1] is None
    told = timeline(client, group)
    assert told["members"][told["lanes"][0]["states"][-1][3]][1] == "person"
    assert [sign[1] for sign in lane["signs"]] == ["taken_over"]
    asking = plans.group(
        plans.turn("May I?", ("write_file", {"path": "a", "content": "b"})), policies={"write_file": "ask"}
    )
    requests_of(client, asking.split("-")[0])
    wait = timeline(client, asking.split("-")[0])["lanes"][0]["waits"][0]
    assert wait[1:] == [None, "approval"]
    done(client.post(f"/agents/{asking}/cancel", json={}))
    closed = timeline(client, asking.split("-")[0])["lanes"][0]
    assert closed["waits"][0][1] is not None
    until_state(client, asking, "cancelled")


def test_a_window_and_some_sub_agents(client: httpx.Client, folder: Path) -> None:
    group = make_group(client, folder)
    until_status(client, group, "finished")
    whole = timeline(client, group)
    lane = whole["lanes"][1]
    base, begin, end = whole["base"], *lane["steps"][0][:2]
    told = timeline(client, group, agents=lane["id"], after_ms=base + begin, before_ms=base + end)
    assert [each["id"] for each in told["lanes"]] == [lane["id"]]
    assert told["lanes"][0]["steps"][0][:4] == lane["steps"][0][:4]
    long_ago = timeline(client, group, before_ms=1_000)
    assert all(not each["steps"] and not each["states"] for each in long_ago["lanes"])
    not_yet = timeline(client, group, after_ms=2**52)
    assert all(not each["steps"] and not each["calls"] for each in not_yet["lanes"])
    twice = timeline(client, group, agents=f"{lane['id']},,{lane['id']}")
    assert [each["id"] for each in twice["lanes"]] == [lane["id"]]


def test_a_draft_has_one_lane_without_steps(client: httpx.Client, plans: Plans) -> None:
    agent = plans.group(start=False)
    told = timeline(client, agent.split("-")[0])
    assert [(lane["id"], lane["steps"]) for lane in told["lanes"]] == [(agent, [])]
    assert told["critical"] == {"steps": 0, "total": 0, "parts": [], "cut": False}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"after_ms": -1}, 422),
        ({"before_ms": 2**60}, 422),
        ({"after_ms": "soon"}, 422),
        ({"agents": "x" * 20_001}, 422),
        ({"agents": "other-1"}, 404),
        ({"agents": "'; DROP TABLE steps; --"}, 404),
        ({"agents": "a\x00b"}, 400),
        ({"agents": ",,,"}, 200),
        ({"after_ms": 2**53, "before_ms": 1}, 200),
    ],
)
def test_strange_questions_are_answered(client: httpx.Client, plans: Plans, asked: Json, status: int) -> None:
    group = plans.group(start=False).split("-")[0]
    answer = client.get(f"/groups/{group}/timeline", params=asked)
    assert answer.status_code in (status, 404 if status == 400 else status), answer.text
    if status != 200:
        error = answer.json()["error"]
        assert error["sentence"].endswith(".")
        assert "Traceback" not in answer.text


def test_a_group_that_is_not_there(client: httpx.Client) -> None:
    assert client.get("/groups/nosuch/timeline").status_code == 404
