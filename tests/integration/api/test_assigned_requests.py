"""Requests that a person has: claimed over the API, told on the feed, refused to others; and what was answered."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from api_steps import Json, Plans, done, refused, requests_of, until_state
from feed_viewer import FeedViewer


@pytest.fixture
def anna(client: httpx.Client) -> str:
    """Another person of the house."""
    return _person(client, "Anna")


def _person(client: httpx.Client, name: str) -> str:
    body = {"name": f"{name} {secrets.token_hex(3)}", "kind": "person"}
    return str(done(client.post("/members", json=body), 201)["id"])


def _asked(client: httpx.Client, plans: Plans, *paths: str) -> tuple[str, Json]:
    turns = [plans.turn("May I?", ("write_file", {"path": path, "content": path})) for path in paths or ("a.txt",)]
    group = plans.group(*turns, policies={"write_file": "ask"}).rsplit("-", 1)[0]
    return group, requests_of(client, group, 1)[0]


def _assign(client: httpx.Client, request: Json, person: str = "you", **body: object) -> httpx.Response:
    return client.post(f"/requests/{request['id']}/assign", json=body, headers={"X-Claw-Person": person})


def _answer(client: httpx.Client, request: Json, person: str, **body: object) -> httpx.Response:
    return client.post(f"/requests/{request['id']}/answer", json=body, headers={"X-Claw-Person": person})


def test_a_request_is_claimed_and_another_is_refused_until_they_take_it(
    client: httpx.Client, plans: Plans, anna: str
) -> None:
    group, request = _asked(client, plans)
    assert (request["assigned"], request["assigned_at"]) == ("", 0)
    mine = done(_assign(client, request))
    assert (mine["id"], mine["assigned"], mine["state"]) == (request["id"], "you", "open")
    assert mine["assigned_at"] > 0
    error = refused(_answer(client, request, anna, decision="approve"), "assigned", "waiting")
    assert "This request has been with" in error["sentence"]
    assert requests_of(client, group, 1)[0]["assigned"] == "you"
    taken = done(_assign(client, request, anna))
    assert (taken["assigned"], taken["assigned_name"][:4]) == (anna, "Anna")
    assert done(client.get(f"/agents/{request['agent']}"))["requests"][0]["assigned"] == anna
    done(_answer(client, request, anna, decision="approve"))
    until_state(client, request["agent"], "done")
    refused(_assign(client, request), "answered_once", "closed")


def test_a_person_who_was_never_in_the_group_is_given_one_and_a_program_is_not(
    client: httpx.Client, plans: Plans, anna: str
) -> None:
    _, request = _asked(client, plans)
    assert done(_assign(client, request, to=anna))["assigned"] == anna
    wrong = _assign(client, request, to=plans.member)
    assert wrong.status_code == 422
    assert "is not a person" in wrong.json()["error"]["sentence"]
    assert _assign(client, request, to="nobody-at-all").status_code == 404
    assert done(_assign(client, request, to=""))["assigned"] == ""
    assert client.post("/requests/none-r1/assign", json={}).status_code == 404


def test_of_many_who_open_it_at_once_one_alone_gets_it(server_api: str, client: httpx.Client, plans: Plans) -> None:
    people = [_person(client, f"P{number}") for number in range(4)]
    _, request = _asked(client, plans)
    start = Barrier(len(people))

    def opens(person: str) -> httpx.Response:
        with httpx.Client(base_url=server_api, timeout=30) as own:
            own.get("/status")
            start.wait(10)
            return _assign(own, request, person, was="")

    with ThreadPoolExecutor(len(people)) as pool:
        replies = list(pool.map(opens, people))
    assert sorted(reply.status_code for reply in replies) == [200, 409, 409, 409]
    won = next(person for person, reply in zip(people, replies, strict=True) if reply.status_code == 200)
    assert done(client.get("/requests", params={"group": request["group"]}))["requests"][0]["assigned"] == won
    done(_assign(client, request, people[0], to="", was="somebody"))  # it is not theirs: nothing happens
    assert done(client.get("/requests", params={"group": request["group"]}))["requests"][0]["assigned"] == won


async def test_the_feed_tells_at_once_who_has_it(
    client: httpx.Client, plans: Plans, server_api: str, anna: str
) -> None:
    group, request = _asked(client, plans)
    async with FeedViewer(server_api, group) as viewer:
        await viewer.until(lambda: viewer.requests)
        for who in (anna, ""):
            await asyncio.to_thread(_assign, client, request, to=who)
            await viewer.until(lambda who=who: viewer.requests[request["id"]]["assigned"] == who)
        told = [frame["requests"] for frame in viewer.heard if "requests" in frame and frame["t"] == "batch"]
        assert [part["opened"] + part["closed"] for part in told] == [[]] * len(told), "nothing opened or closed"
        assert [one["assigned"] for part in told for one in part["changed"]] == [anna, ""]


def test_answers_are_paged_newest_first_and_by_person(client: httpx.Client, plans: Plans, anna: str) -> None:
    paths = [f"{n}.txt" for n in range(5)]
    group, request = _asked(client, plans, *paths)
    given: list[tuple[str, str]] = []
    for number in range(5):
        person = (anna, "you")[number % 2]
        done(_answer(client, request, person, decision="deny", text=f"no {number}"))
        given.insert(0, (request["id"], person))
        if number < 4:
            request = next(r for r in requests_of(client, group, 1) if r["id"] not in [one for one, _ in given])
    pages: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        page = done(client.get(f"/groups/{group}/answers", params={"limit": 2, "cursor": cursor}))
        pages += page["answers"]
        cursor = page["next"]
    assert [(one["id"], one["by"]) for one in pages] == given
    newest = pages[0]
    assert (newest["label"], newest["text"], newest["tool"]) == ("Deny", "no 4", "write_file")
    assert newest["waited_ms"] == newest["answered_at"] - newest["opened_at"] >= 0
    assert newest["by_name"].startswith("Anna")
    hers = done(client.get(f"/groups/{group}/answers", params={"by": anna}))
    assert [one["id"] for one in hers["answers"]] == [request for request, who in given if who == anna]
    assert [(one["id"], one["answers"]) for one in hers["people"]] == [(anna, 3), ("you", 2)]
    wrong = client.get(f"/groups/{group}/answers", params={"cursor": "nonsense"})
    assert wrong.status_code == 422
    assert client.get("/groups/none/answers").status_code == 404
