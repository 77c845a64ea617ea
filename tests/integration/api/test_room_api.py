"""The room over HTTP: words that reach a program, rules that are told, and what is refused."""

from __future__ import annotations

import secrets

import httpx
from api_steps import Json, Plans, done, thread, until, wait_for


def _room(client: httpx.Client, group: str, **more: str | int) -> Json:
    return done(client.get(f"/groups/{group}/room", params=more))


def test_words_to_nobody_reach_the_conductor_and_are_shown_as_read(client: httpx.Client, plans: Plans) -> None:
    gate = secrets.token_hex(4)
    write = ("write_file", {"path": "a.txt", "content": "one"})
    agent_id = plans.group(plans.turn("One.", write, wait=gate), plans.turn("Two.", wait=secrets.token_hex(4)))
    agent = until(client, agent_id, lambda a: a["partial"]["text"] == "One.")
    group = agent["group"]
    done(client.post(f"/groups/{group}/messages", json={"text": "How far are you?"}), 201)
    (queued,) = _room(client, group)["messages"]
    assert queued["to"] == [{"agent": agent_id, "delivered_at": 0, "name": agent["name"]}]
    plans.open(gate)
    wait_for(lambda: _room(client, group)["messages"][0]["to"][0]["delivered_at"], "its reading")
    assert "How far are you?" in [entry["content"] for entry in thread(client, agent_id) if entry["kind"] == "steer"]


def test_rules_are_changed_announced_and_told(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()
    group = agent["group"]
    changed = done(client.put(f"/groups/{group}/rules", json={"rules": "Be kind."}))
    assert changed["rules"] == "Be kind."
    room = _room(client, group)
    assert room["rules"] == "Be kind."
    assert [(message["kind"], message["text"]) for message in room["messages"]] == [("rules", "Be kind.")]
    assert [message["text"] for message in _room(client, group, agent=agent["id"])["messages"]] != []


def test_a_page_says_whether_there_is_more(client: httpx.Client, plans: Plans) -> None:
    group = plans.talking()["group"]
    for number in range(5):
        done(client.post(f"/groups/{group}/messages", json={"text": f"word {number}"}), 201)
    newest = _room(client, group, limit=2)
    assert ([message["text"] for message in newest["messages"]], newest["more"]) == (["word 3", "word 4"], True)
    rest = _room(client, group, before=newest["messages"][0]["seq"], limit=3)
    assert ([message["text"] for message in rest["messages"]], rest["more"]) == (["word 0", "word 1", "word 2"], False)


def test_what_does_not_fit_is_refused_with_a_reason(client: httpx.Client, plans: Plans) -> None:
    agent = plans.talking()
    path = f"/groups/{agent['group']}/messages"
    assert client.post(path, json={"text": " "}).status_code == 422
    assert client.post(path, json={"text": "Hi.", "to": ["nobody-1"]}).status_code == 404
    assert client.get(f"/groups/{agent['group']}/room", params={"agent": "nobody-1"}).status_code == 404
    assert client.get("/groups/nowhere/room").status_code == 404
    done(client.post(f"/agents/{agent['id']}/cancel"))
    wait_for(lambda: done(client.get(f"/agents/{agent['id']}"))["state"] == "cancelled", "its end")
    late = client.post(path, json={"text": "Hi.", "to": [agent["id"]]})
    assert (late.status_code, late.json()["error"]["rule"]) == (409, "steer")
