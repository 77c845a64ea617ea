"""Attachments over HTTP: what is taken and what is not, how it is served, and that a program finds the very bytes."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_steps import Plans, done, thread, until_state
from attachment_files import PNG, attach, attached, post, reader

MIB = 1024 * 1024
HOSTILE = '<img src=x onerror="alert(1)">\u202egnp.exe'


@pytest.fixture(scope="module")
def group(plans: Plans) -> str:
    """A group that has not started."""
    return plans.group(start=False).removesuffix("-1")


def test_an_image_is_kept_and_served_inline_by_what_it_holds(client: httpx.Client, group: str) -> None:
    made = done(attach(client, group, "shot.jpg", PNG, "image/jpeg"), 201)
    assert made == {"id": made["id"], "name": "shot.jpg", "media_type": "image/png", "size": len(PNG)}
    post(client, group, "Look.", made["id"])
    (shown,) = attached(client, group)
    assert shown["path"] == f"attachments/{hashlib.sha256(PNG).hexdigest()[:8]}-shot.jpg"
    reply = client.get(f"/groups/{group}/attachments/{made['id']}")
    assert (reply.status_code, reply.content) == (200, PNG)
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["content-disposition"] == "inline; filename*=UTF-8''shot.jpg"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("sandbox;")


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("page.html", "text/html", b"<script>alert(1)</script>"),
        ("drawing.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("not-a.png", "image/png", b"<script>alert(1)</script>"),
        (HOSTILE, "text/plain", b"plain"),
    ],
)
def test_everything_else_is_a_download_of_no_type(
    client: httpx.Client, group: str, name: str, kind: str, data: bytes
) -> None:
    made = done(attach(client, group, name.replace("/", ""), data, kind), 201)
    assert made["media_type"] == ("application/octet-stream" if kind == "image/png" else kind)
    post(client, group, "", made["id"])
    reply = client.get(f"/groups/{group}/attachments/{made['id']}")
    assert reply.content == data
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert "sandbox" in reply.headers["content-security-policy"]
    assert "<" not in reply.headers["content-disposition"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "not the name of a file"),
        ("..", "not the name of a file"),
        ("a/b.txt", "not the name of a file"),
        ("..\\b.txt", "not the name of a file"),
        ("two\nlines", "control character"),
        ("n" * 201, "201 characters"),
    ],
)
def test_a_bad_name_is_refused(client: httpx.Client, group: str, name: str, words: str) -> None:
    reply = attach(client, group, name, b"x")
    assert reply.status_code == 422, reply.text
    error = reply.json()["error"]
    assert words in error["sentence"]
    assert error["hint"]
    assert error["fields"][0]["field"] == "name"


def test_what_is_empty_or_too_large_is_refused_however_it_is_sent(client: httpx.Client, group: str) -> None:
    empty = attach(client, group, "nothing.txt", b"")
    assert (empty.status_code, empty.json()["error"]["sentence"]) == (422, "nothing.txt is empty.")
    declared = attach(client, group, "large.bin", bytes(20 * MIB + 1))
    assert (declared.status_code, declared.json()["error"]["code"]) == (413, "too_large")

    def pieces() -> Iterator[bytes]:
        for _ in range(21):
            yield bytes(MIB)

    path = f"/groups/{group}/attachments"
    chunked = client.post(path, params={"name": "large.bin"}, content=pieces())
    assert (chunked.status_code, chunked.json()["error"]["sentence"]) == (413, "large.bin is larger than 20 MiB.")
    assert done(attach(client, group, "just.bin", bytes(20 * MIB)), 201)["size"] == 20 * MIB
    other = client.post(f"/groups/{group}/messages", content=bytes(9 * MIB))
    assert other.status_code == 413, "no other address takes so much"


def test_only_what_was_posted_here_can_be_read_and_only_uploads_of_this_group_be_posted(
    client: httpx.Client, group: str, plans: Plans
) -> None:
    made = done(attach(client, group, "mine.txt", b"mine"), 201)
    unsent = client.get(f"/groups/{group}/attachments/{made['id']}")
    assert (unsent.status_code, unsent.json()["error"]["code"]) == (404, "not_found")
    other = plans.group(start=False).removesuffix("-1")
    stolen = client.post(f"/groups/{other}/messages", json={"text": "x", "attachments": [made["id"]]})
    assert (stolen.status_code, stolen.json()["error"]["fields"][0]["field"]) == (422, "attachments")
    post(client, group, "x", made["id"])
    assert client.get(f"/groups/{group}/attachments/{made['id']}").content == b"mine"
    assert client.get(f"/groups/{other}/attachments/{made['id']}").status_code == 404
    assert attach(client, "nowhere", "a.txt", b"x").status_code == 404
    assert client.post("/groups/nowhere/messages", json={"attachments": ["x"]}).status_code == 404
    nothing = client.post(f"/groups/{group}/messages", json={})
    assert (nothing.status_code, nothing.json()["error"]["sentence"]) == (422, "The message is empty.")
    many = client.post(f"/groups/{group}/messages", json={"text": "x", "attachments": ["a"] * 11})
    assert many.status_code == 422


def test_a_program_finds_the_very_bytes_in_its_workspace(client: httpx.Client, tmp_path: Path) -> None:
    member = reader(client, tmp_path)
    body = {"name": "read", "goal": "Read it.", "conductor": member, "start": True}
    made = str(done(client.post("/groups", json=body), 201)["id"])
    large = secrets.token_bytes(3 * MIB)
    ids = [
        done(attach(client, made, "data.bin", large), 201)["id"],
        done(attach(client, made, "data.bin", b"small", "text/plain"), 201)["id"],
    ]
    post(client, made, "Read these.", *ids)
    until_state(client, f"{made}-1", "done")
    said = json.loads(thread(client, f"{made}-1")[-1]["content"])
    hashes = [hashlib.sha256(data).hexdigest() for data in (large, b"small")]
    paths = [f"attachments/{each[:8]}-data.bin" for each in hashes]
    assert (said["paths"], said["hashes"]) == (paths, hashes)
    assert said["words"] == (
        f"Read these.\nAttached: {paths[0]} (application/octet-stream, 3 MiB)\n"
        f"Attached: {paths[1]} (text/plain, 5 bytes)"
    )
    told = next(entry for entry in thread(client, f"{made}-1") if entry["kind"] == "steer")
    assert [one["path"] for one in told["attachments"]] == paths, "a person at the wheel sees them in the thread"
    kept = client.get(f"/agents/{made}-1/files/{paths[1]}")
    assert kept.status_code == 200


def test_the_room_ends_with_the_result_of_the_conductor(client: httpx.Client, plans: Plans) -> None:
    agent = plans.group(result="All is well.\n" + "word " * 1_000)
    until_state(client, agent, "done")
    made = agent.removesuffix("-1")
    (message,) = done(client.get(f"/groups/{made}/room"))["messages"]
    assert (message["kind"], message["by_agent"], message["conducts"], message["cut"]) == (
        "finished", agent, True, False,
    )  # fmt: skip
    assert message["text"].startswith("All is well.\nword")
    assert len(message["text"]) > 4_000
    assert done(client.get(f"/groups/{made}/room", params={"agent": agent}))["messages"] == [message]
