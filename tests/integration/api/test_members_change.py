"""Changing a member over REST: only what is given, on record, told to open groups; its key never shown."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_steps import Json, Plans, done, refused, requests_of, thread, until_status
from model_thread import ModelThread

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.model_reply import Reply, Text, says
from clawgroups.testing.server_process import ServerProcess

KEY = "sk-the-first-key-of-all"
OTHER = "sk-another-key-instead"
KWARGS = {"chat_template_kwargs": {"preserve_thinking": True}, "min_p": 0.05}


@pytest.fixture
def hearing() -> Iterator[tuple[ModelThread, list[Json]]]:
    """A real model server, and the bodies of what it was asked."""
    bodies: list[Json] = []

    def script(body: dict[str, Any]) -> Reply:
        bodies.append(body)
        return says(Text("All is well."))

    with ModelThread(script) as models:
        yield models, bodies


def _model(client: httpx.Client, base_url: str = "http://127.0.0.1:9/v1", **fields: Any) -> Json:
    body = {
        "name": f"Changing {secrets.token_hex(3)}",
        "kind": "model",
        "skills": ["talk"],
        "model": {"base_url": base_url, "model": "echo", **fields},
    }
    return done(client.post("/members", json=body), 201)


def _change(client: httpx.Client, member: str, **fields: Any) -> Json:
    return done(client.patch(f"/members/{member}", json=fields))


def _recorded(client: httpx.Client, member: str) -> list[Json]:
    """What the house's ledger says of a member, oldest first."""
    found: list[Json] = []
    after: int | None = 0
    while after is not None:
        page = done(client.get("/groups/house/events", params={"after": after, "limit": 1_000}))
        found += [e for e in page["events"] if e["kind"] == "member_joined" and f'"id":"{member}"' in _flat(e)]
        after = page["next"]
    return found


def _flat(event: Json) -> str:
    return str(event["body"]).replace("'", '"').replace(": ", ":")


def _keys(server: ServerProcess) -> str:
    return (server.home / "secrets.json").read_text()


def test_only_what_is_given_changes_and_the_house_has_it_on_record(client: httpx.Client) -> None:
    before = _model(client, temperature=0.3, price_in=0.5, max_tokens=900, thinking=True)
    endpoint = {"context": 262_144, "temperature": None, "extra_body": KWARGS}
    after = _change(client, before["id"], name=f"{before['name']} again", model=endpoint)
    wanted = {key: value for key, value in before["model"].items() if key != "temperature"}
    wanted |= {"context": 262_144, "extra_body": KWARGS}
    assert after == before | {"name": f"{before['name']} again", "model": wanted}
    assert done(client.get(f"/members/{before['id']}")) == after
    records = _recorded(client, before["id"])
    assert [event["actor"] for event in records] == ["you", "you"]
    assert "262144" in _flat(records[1])
    assert "262144" not in _flat(records[0])
    assert _change(client, before["id"], model={"extra_body": {}})["model"].get("extra_body", {}) == {}


def test_who_changed_it_is_on_record_and_nothing_is_recorded_where_nothing_changes(client: httpx.Client) -> None:
    person = done(client.post("/members", json={"name": f"Ada {secrets.token_hex(3)}", "kind": "person"}), 201)["id"]
    member = _model(client)["id"]
    headers = {"X-Claw-Person": person}
    done(client.patch(f"/members/{member}", json={"capacity": 7}, headers=headers))
    for same in ({}, {"capacity": 7}, {"skills": ["talk"], "model": {"model": "echo"}}):
        assert _change(client, member, **same)["capacity"] == 7
    assert [event["actor"] for event in _recorded(client, member)] == ["you", person]


def test_a_rejected_key_is_replaced_and_then_the_member_works(client: httpx.Client, server: ServerProcess) -> None:
    with ModelProcess(rate=0, key=OTHER) as models:
        member = _model(client, models.base_url, api_key=KEY)["id"]
        tried = done(client.post(f"/members/{member}/test"))
        assert (tried["ok"], "refused the key (401)" in tried["sentence"]) == (False, True), tried
        changed = _change(client, member, model={"api_key": OTHER})
        assert changed["model"]["key_ref"].startswith("secret:")
        assert done(client.post(f"/members/{member}/test"))["ok"] is True
        _change(client, member, capacity=2, model={"max_tokens": 50})
        assert done(client.post(f"/members/{member}/test"))["ok"] is True, "left out, the key is kept"
    assert (KEY in _keys(server), OTHER in _keys(server)) == (False, True), "the former key is forgotten"
    shown = client.get("/members").text + client.get("/groups/house/export").text + str(changed)
    assert KEY not in shown
    assert OTHER not in shown
    assert len(_recorded(client, member)) == 3, "that the key was changed is on record, though not the key"
    done(client.delete(f"/members/{member}"))
    assert OTHER not in _keys(server), "with the member goes its key"


@pytest.mark.parametrize(
    ("fields", "left"), [({"api_key": ""}, ""), ({"key_ref": ""}, ""), ({"key_ref": "env:SOME_KEY"}, "env:SOME_KEY")]
)
def test_a_key_is_removed_from_the_member_and_from_the_file(
    client: httpx.Client, server: ServerProcess, fields: Json, left: str
) -> None:
    key = f"sk-{secrets.token_hex(8)}"
    member = _model(client, api_key=key)["id"]
    assert key in _keys(server)
    assert _change(client, member, model=fields)["model"].get("key_ref", "") == left
    assert key not in _keys(server)


def test_fields_of_the_servers_own_go_with_every_request_and_never_take_the_drivers_place(
    client: httpx.Client, hearing: tuple[ModelThread, list[Json]]
) -> None:
    models, bodies = hearing
    member = _model(client, models.base_url, thinking=False, extra_body=KWARGS | {"temperature": 0.1})["id"]
    assert done(client.post(f"/members/{member}/test"))["ok"] is True
    group = {"name": "extra", "goal": "Say one word.", "conductor": member, "start": True}
    until_status(client, str(done(client.post("/groups", json=group), 201)["id"]), "finished")
    assert len(bodies) == 2
    for body in bodies:
        assert body["chat_template_kwargs"]["preserve_thinking"] is True
        assert body["chat_template_kwargs"]["thinking"] is False, "merged with the mode, object by object"
        assert (body["min_p"], body["temperature"], body["stream"]) == (0.05, 0.1, True)
    assert bodies[1]["tools"]
    assert "Say one word." in str(bodies[1]["messages"])
    for own in ("stream", "messages", "tools"):
        reply = client.patch(f"/members/{member}", json={"model": {"extra_body": {own: [], "min_p": 1}}})
        (problem,) = reply.json()["error"]["fields"]
        assert (reply.status_code, problem["field"]) == (422, "model.extra_body")
        assert own in problem["problem"]
        assert "the driver itself sets it" in problem["mend"]
    large = client.patch(f"/members/{member}", json={"model": {"extra_body": {"a": "x" * 20_001}}})
    assert large.status_code == 422


def test_an_open_group_goes_on_with_the_changed_member(client: httpx.Client) -> None:
    with ModelProcess(rate=0, key=OTHER) as models:
        member = _model(client, models.base_url, api_key=KEY)["id"]
        body = {"name": "mended", "goal": "Say one word.", "conductor": member, "start": True}
        group = str(done(client.post("/groups", json=body), 201)["id"])
        (request,) = requests_of(client, group)
        assert "refused the key (401)" in request["detail"] + request["title"]
        _change(client, member, model={"api_key": OTHER})
        done(client.post(f"/requests/{request['id']}/answer", json={"decision": "retry"}))
        until_status(client, group, "finished")
    assert thread(client, f"{group}-1")[-1]["content"].startswith("You said: ")
    before = done(client.get(f"/groups/{group}"))["seq"]
    _change(client, member, capacity=3)
    assert done(client.get(f"/groups/{group}"))["seq"] == before, "a group that has ended hears nothing more"


def test_changes_at_the_same_time_lose_nothing(client: httpx.Client, server: ServerProcess) -> None:
    fields: list[Json] = [{"model": {name: number}} for number, name in enumerate(("price_in", "price_out"), 1)]
    fields += [{"model": {name: 5}} for name in ("price_cached", "max_tokens", "context")]
    fields += [{"capacity": 9}, {"description": "busy"}, {"skills": ["a", "b"]}]
    for _ in range(5):
        member = _model(client)["id"]
        together = threading.Barrier(len(fields))

        def change(body: Json, member: str = member, together: threading.Barrier = together) -> int:
            with httpx.Client(base_url=server.api, timeout=30) as own:
                own.get("/status")
                together.wait(30)
                return own.patch(f"/members/{member}", json=body).status_code

        with ThreadPoolExecutor(len(fields)) as pool:
            assert set(pool.map(change, fields)) == {200}
        found = done(client.get(f"/members/{member}"))
        assert (found["capacity"], found["description"], found["skills"]) == (9, "busy", ["a", "b"])
        prices = [found["model"].get(name) for name in ("price_in", "price_out", "price_cached")]
        assert (prices, found["model"]["max_tokens"], found["model"]["context"]) == ([1, 2, 5], 5, 5)


def test_a_program_and_a_person_are_changed_as_far_as_they_go(client: httpx.Client, tmp_path: Path) -> None:
    own = Plans(client, tmp_path)
    changed = _change(client, own.member, program={"command": ["/no/such/program", "--x"]}, capacity=1)
    assert changed["program"]["command"] == ["/no/such/program", "--x"]
    assert "/no/such/program" in done(client.post(f"/members/{own.member}/test"))["sentence"]
    before = done(client.get("/members/you"))["description"]
    assert _change(client, "you", description="Sits here.")["description"] == "Sits here."
    _change(client, "you", description=before)
    for member, body, told in (
        (own.member, {"model": {"model": "echo"}}, "is a program and has no endpoint"),
        (own.member, {"model": {"api_key": ""}}, "is a program and has no endpoint"),
        ("you", {"program": {"command": ["x"]}}, "is a person and has no command"),
    ):
        reply = client.patch(f"/members/{member}", json=body)
        assert (reply.status_code, told in reply.json()["error"]["sentence"]) == (422, True), reply.text


def test_what_may_not_be_changed_is_refused_and_leaves_everything_as_it_is(client: httpx.Client) -> None:
    member, other = _model(client, api_key=KEY), _model(client)
    error = refused(client.patch("/members/survey-worker", json={"capacity": 1}), "bundled", "bundled")
    assert error["hint"].startswith("Add a member of your own")
    assert client.patch("/members/nobody", json={"capacity": 1}).status_code == 404
    for body in (
        {"name": other["name"].upper()},
        {"name": "survey-worker"},  # another member's id
        {"name": "  "},
        {"name": None},
        {"kind": "person"},
        {"bundled": True},
        {"model": None},
        {"model": {"base_url": "ftp://x"}},
        {"model": {"context": 0}},
        {"model": {"key_ref": "secret:you"}},
        {"model": {"api_key": OTHER, "key_ref": "env:SOME_KEY"}},
        {"program": {"command": []}},
        {"capacity": 1, "model": {"temperature": 9}},
    ):
        reply = client.patch(f"/members/{member['id']}", json=body)
        assert reply.status_code == 422, f"{body}: {reply.text}"
        assert reply.json()["error"]["hint"].strip(), body
    assert done(client.get(f"/members/{member['id']}")) == member
    assert len(_recorded(client, member["id"])) == 1
    assert _change(client, member["id"], name=member["name"].upper())["name"] == member["name"].upper(), "its own name"
