"""Attachments and models: one that sees is given the image, again after a restart; what nobody posted is cleared."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_steps import done, thread, wait_for, wait_for_runner
from attachment_files import PNG, attach, post
from model_thread import ModelThread

from clawgroups.testing.model_reply import Call, Pause, Reply, says
from clawgroups.testing.server_process import ServerProcess

TWO_DAYS_S = 2 * 86_400
Json = dict[str, Any]


class Looker:
    """A model that goes on looking around, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Json] = []

    def __call__(self, body: Json) -> Reply:
        self.asked.append(body)
        return says("I look.", Pause(0.2), Call("list_files", "{}"))

    def told(self, words: str) -> list[Any]:
        """The content of every user message that holds these words, as it came."""
        found = [m["content"] for body in self.asked for m in body["messages"] if m["role"] == "user"]
        return [content for content in found if words in str(content)]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of the test's own, which it may stop."""
    with ServerProcess(tmp_path / "home", pages=False) as running:
        wait_for_runner(running)
        yield running


def _client(server: ServerProcess) -> httpx.Client:
    return httpx.Client(base_url=server.api, timeout=30, trust_env=False)


def _looking(client: httpx.Client, base_url: str, *, sees: bool) -> str:
    endpoint = {"base_url": base_url, "model": "looker", "sees": sees}
    member = done(client.post("/members", json={"name": "Looker", "kind": "model", "model": endpoint}), 201)
    assert member["model"].get("sees", False) is sees
    body = {"name": "look", "goal": "Look around.", "conductor": member["id"], "start": True}
    return str(done(client.post("/groups", json=body), 201)["id"])


def test_an_image_reaches_a_model_that_sees_and_again_after_a_restart(home: ServerProcess) -> None:
    looker = Looker()
    with ModelThread(looker) as models:
        with _client(home) as client:
            group = _looking(client, models.base_url, sees=True)
            made = done(attach(client, group, "shot.png", PNG, "image/png"), 201)
            other = done(attach(client, group, "notes.txt", b"notes", "text/plain"), 201)
            post(client, group, "See this.", made["id"], other["id"])
            (words, image) = wait_for(lambda: looker.told("See this."), "the words")[0]
        url = "data:image/png;base64," + base64.b64encode(PNG).decode()
        assert image == {"type": "image_url", "image_url": {"url": url}}
        assert words["text"].splitlines()[0] == "See this."
        assert [line.rsplit("-", 1)[1] for line in words["text"].splitlines()[1:]] == [
            "shot.png (image/png, 70 bytes)",
            "notes.txt (text/plain, 5 bytes)",
        ]
        home.kill()
        looker.asked.clear()
        home.start()
        again = wait_for(lambda: looker.told("See this."), "the thread made again from the record")[0]
        assert again == [words, image]
        with _client(home) as client:
            done(client.post(f"/groups/{group}/cancel"))


def test_a_model_that_does_not_see_gets_the_path_alone(home: ServerProcess) -> None:
    looker = Looker()
    with ModelThread(looker) as models, _client(home) as client:
        group = _looking(client, models.base_url, sees=False)
        made = done(attach(client, group, "shot.png", PNG, "image/png"), 201)
        post(client, group, "See this.", made["id"])
        content = wait_for(lambda: looker.told("See this."), "the words")[0]
        assert isinstance(content, str), "no list of parts: not every server takes one"
        assert content.startswith("See this.\nAttached: attachments/")
        done(client.post(f"/groups/{group}/cancel"))


def test_what_the_runner_cannot_get_is_said_in_the_words(home: ServerProcess) -> None:
    looker = Looker()
    with ModelThread(looker) as models, _client(home) as client:
        group = _looking(client, models.base_url, sees=True)
        made = done(attach(client, group, "shot.png", PNG, "image/png"), 201)
        for kept in (home.home / "attachments" / "files").iterdir():
            kept.write_bytes(b"something else, of another length and another hash than what was attached to it......")
        post(client, group, "See this.", made["id"])
        content = wait_for(lambda: looker.told("See this."), "the words")[0]
        assert "Attached, but missing here: attachments/" in content
        assert "what came is not what was attached." in content
        assert thread(client, f"{group}-1"), "and the work goes on"
        done(client.post(f"/groups/{group}/cancel"))


def test_uploads_that_nobody_posted_are_cleared_after_a_day(home: ServerProcess) -> None:
    files = home.home / "attachments"
    with _client(home) as client:
        body = {"name": "quiet", "goal": "Nothing.", "conductor": "survey-conductor"}
        group = str(done(client.post("/groups", json=body), 201)["id"])
        posted = done(attach(client, group, "posted.txt", b"posted"), 201)["id"]
        post(client, group, "Here.", posted)
        left = done(attach(client, group, "left.txt", b"left"), 201)["id"]
        twin = done(attach(client, group, "twin.txt", b"posted"), 201)["id"]
        assert len(list((files / "files").iterdir())) == 2, "the same bytes are kept once"
        home.stop()
        old = time.time() - TWO_DAYS_S
        for path in files.rglob("*"):
            os.utime(path, (old, old))
    home.start()
    with _client(home) as client:
        young = done(attach(client, group, "young.txt", b"young"), 201)["id"]
        wait_for(lambda: len(list((files / "files").iterdir())) == 2, "the clearing")
        assert client.get(f"/groups/{group}/attachments/{posted}").content == b"posted"
        for gone in (left, twin):
            refused = client.post(f"/groups/{group}/messages", json={"text": "x", "attachments": [gone]})
            assert refused.status_code == 422
            assert "cleared" in refused.json()["error"]["hint"]
        post(client, group, "Young.", young)
