"""The history over the API: filters and cursors as a client gives them, hits, exports, and what is refused."""

from __future__ import annotations

import csv
import io
import secrets
import time
from typing import Any

import httpx
import pytest

PATIENCE_S = 30.0
Json = dict[str, Any]


def made(client: httpx.Client, **more: Any) -> str:
    """A draft of a group; its id."""
    body = {"name": "A draft", "goal": "Nothing much.", "conductor": "you", **more}
    answer = client.post("/groups", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def found(client: httpx.Client, **asked: Any) -> list[Json]:
    """Every run that fits, over all pages."""
    runs: list[Json] = []
    cursor = ""
    while cursor is not None:
        answer = client.get("/history", params={**asked, "cursor": cursor, "limit": 3})
        assert answer.status_code == 200, answer.text
        runs += answer.json()["runs"]
        cursor = answer.json()["next"]
    return runs


def until_found(client: httpx.Client, query: str, group: str) -> Json:
    """The run, once the search has read it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        for run in found(client, q=query):
            if run["id"] == group:
                return run
        assert time.monotonic() < deadline, f"{query!r} was never found"
        time.sleep(0.05)


def test_a_group_is_found_by_its_words_soon_after_it_was_made(client: httpx.Client) -> None:
    word = f"zebra{secrets.token_hex(4)}"
    group = made(client, name=f"The {word} run", goal="退款接口 for all.", rules="Be kind.")
    run = until_found(client, word, group)
    assert (run["status"], run["conductor"], run["agents"], run["people"]) == ("draft", "you", 1, [])
    (hit,) = run["hits"]
    assert (hit["agent"], hit["step"], hit["what"]) == (None, 0, "name")
    assert [piece["text"] for piece in hit["snippet"] if piece["hit"]] == [word]
    assert group in [run["id"] for run in found(client, q=f"{word[:-2]}*")]
    assert group in [run["id"] for run in found(client, q=f'"{word} run" 退款')]
    assert [run["id"] for run in found(client, q=word, state="finished")] == []
    client.post(f"/groups/{group}/cancel")
    assert [run["id"] for run in found(client, q=word, state=["finished", "cancelled"])] == [group]


def test_a_person_who_took_over_is_found_by_what_they_did(client: httpx.Client) -> None:
    name = f"Person {secrets.token_hex(3)}"
    person = client.post("/members", json={"name": name, "kind": "person"}).json()["id"]
    group = made(client, conductor=person, start=True)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        view = client.get(f"/agents/{group}-1").json()
        if view["state"] == "driving" and view["driver"]:
            break
        assert time.monotonic() < deadline, view
        time.sleep(0.05)
    done = client.post(
        f"/agents/{group}-1/steps", json={"epoch": view["epoch"], "content": "Mine.", "result": True},
        headers={"X-Claw-Person": person},
    )  # fmt: skip
    assert done.status_code == 200, done.text
    until_found(client, "mine", group)
    assert [run["id"] for run in found(client, member=person)] == [group]
    assert found(client, person=person, did="took_over") == []
    choices = client.get("/history/choices").json()
    assert {"id": person, "name": name} in choices["members"]
    assert choices["search"]["words"] is True
    export = client.get(f"/groups/{group}/export", params={"format": "csv", "table": "steps"})
    assert export.headers["content-type"] == "text/csv; charset=utf-8"
    assert export.headers["content-disposition"] == f'attachment; filename="{group}-steps.csv"'
    (row,) = csv.DictReader(io.StringIO(export.text, newline=""))
    assert (row["said"], row["by"]) == ("Mine.", person)


@pytest.mark.parametrize("query", ['"', "(", "a AND (", "'; --", "*", "\ufffd", "x" * 500, "🚀" * 100, "^ : -"])
def test_whatever_is_typed_is_answered(client: httpx.Client, query: str) -> None:
    answer = client.get("/history", params={"q": query})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"runs", "next", "search"}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"state": "asleep"}, "state.0"),
        ({"did": "danced"}, "did"),
        ({"q": "x" * 501}, "q"),
        ({"after": -1}, "after"),
        ({"after": "yesterday"}, "after"),
        ({"cost_from": -2}, "cost_from"),
        ({"cost_to": "nan"}, "cost_to"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
    ],
)
def test_a_filter_that_means_nothing_is_refused_with_its_name(client: httpx.Client, asked: Json, field: str) -> None:
    answer = client.get("/history", params=asked)
    assert answer.status_code == 422, answer.text
    assert [one["field"] for one in answer.json()["error"]["fields"]] == [f"{field} (query)"]


@pytest.mark.parametrize("path", ["/history?cursor=x", "/history?q=a&cursor=x", "/groups?cursor=x"])
def test_a_cursor_that_is_none_is_refused(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert "no place in the history" in answer.json()["error"]["sentence"]


def test_hits_and_exports_of_a_group_that_is_not_there_are_refused(client: httpx.Client) -> None:
    for path in ("/groups/nobody/hits?q=x", "/groups/nobody/export?format=csv", "/groups/nobody/export"):
        assert client.get(path).status_code == 404, path
    group = made(client)
    assert client.get(f"/groups/{group}/export?format=xml").status_code == 422
    assert client.get(f"/groups/{group}/export?format=csv&table=secrets").status_code == 422
    assert client.get(f"/groups/{group}/hits?q=%22").json() == {"hits": [], "more_hits": None}


def test_all_groups_come_page_by_page(client: httpx.Client) -> None:
    for _ in range(3):
        made(client)
    whole = [view["id"] for view in client.get("/groups", params={"limit": 1_000}).json()["groups"]]
    ids: list[str] = []
    cursor = ""
    while cursor is not None:
        page = client.get("/groups", params={"limit": 2, "cursor": cursor}).json()
        ids += [view["id"] for view in page["groups"]]
        cursor = page["next"]
    assert ids == whole
