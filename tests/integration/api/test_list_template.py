"""A list of tasks, end to end and without any model: a program and a person do them, a program hands them out."""

from __future__ import annotations

import csv
import io
import secrets
import sys
from pathlib import Path

import httpx
import pytest
from api_steps import Json, agents, done, take_over, thread, until_state, until_status, wait_for

PROGRAM = Path(__file__).with_name("listed_program.py")


@pytest.fixture
def gates(tmp_path: Path) -> Path:
    """Where the program shows that it is at work, and waits for leave to end."""
    made = tmp_path / "gates"
    made.mkdir()
    return made


@pytest.fixture
def program(client: httpx.Client, gates: Path) -> str:
    """A program member that does lines; its id."""
    command = [sys.executable, str(PROGRAM), str(gates)]
    body = {"name": f"Lines {secrets.token_hex(3)}", "kind": "program", "program": {"command": command}}
    return str(done(client.post("/members", json=body), 201)["id"])


def make_list(client: httpx.Client, lines: str, worker: str, **more: object) -> str:
    """A list, started; the group's id."""
    body = {"name": "a list", "template": "list", "lines": lines, "worker": worker, "start": True}
    return str(done(client.post("/groups", json={**body, **more}), 201)["id"])


def file_of(client: httpx.Client, group: str, path: str) -> str:
    """A file of the group's workspace."""
    reply = client.get(f"/groups/{group}/files/{path}")
    assert reply.status_code == 200, reply.text
    return reply.text


def tasks(client: httpx.Client, group: str) -> list[Json]:
    """The sub-agents that have a line of the list."""
    return [tile for tile in agents(client, group) if tile["parent"]]


def test_a_program_does_every_line_and_the_report_has_a_row_for_each(
    client: httpx.Client, program: str, folder: Path
) -> None:
    lines = "- count source/part0.py\n\n2. count source/none.py\n* say this | that"
    group = make_list(client, lines, program, folder=str(folder), goal="Be exact.\nBe brief.")
    over = until_status(client, group, "finished")
    assert (over["conductor"], over["counts"]["done"]) == ("list-conductor", 4)
    titles = [tile["title"] for tile in tasks(client, group)]
    assert titles == ["1. count source/part0.py", "2. count source/none.py", "3. say this | that"]
    rows = list(csv.reader(io.StringIO(file_of(client, group, "list.csv"))))
    assert rows[1] == ["1", "count source/part0.py", "done", "It has 5 lines."]
    assert rows[2][3].startswith("No: "), rows[2]
    assert rows[3] == ["3", "say this | that", "done", "4 lines were given; the last: say this | that"]
    assert "| 1 | count source/part0.py | done | It has 5 lines. |" in file_of(client, group, "list.md")
    assert thread(client, over["root"])[-1]["content"].startswith("3 of 3 tasks are done.")


def test_at_most_so_many_are_at_work_at_once(client: httpx.Client, program: str, gates: Path) -> None:
    names = [f"n{number}" for number in range(5)]
    group = make_list(client, "\n".join(f"hold {name}" for name in names), program, at_once=2)
    for at in range(0, 4):
        wait_for(lambda at=at: (gates / f"{names[at + 1]}.here").exists(), "two of them at work")
        live = [tile for tile in tasks(client, group) if tile["state"] not in ("queued", "done")]
        assert len(live) == 2, [(tile["title"], tile["state"]) for tile in live]
        assert not any((gates / f"{name}.here").exists() for name in names[at + 2 :])
        (gates / f"{names[at]}.go").touch()
    (gates / f"{names[4]}.go").touch()
    assert until_status(client, group, "finished")["counts"]["done"] == 6


def test_a_person_does_the_lines_and_one_that_was_cancelled_is_named_as_not_done(client: httpx.Client) -> None:
    group = make_list(client, "Ring the bell\nWater the plants", "you", at_once=2)
    first, second = wait_for(
        lambda: [t for t in tasks(client, group) if t["state"] == "driving"][:2] if len(tasks(client, group)) == 2
        and all(t["state"] == "driving" for t in tasks(client, group)) else None,
        "both tasks with the person",
    )  # fmt: skip
    taken = take_over(client, first["id"])
    body = {"epoch": taken["epoch"], "content": "It rang twice.", "result": True}
    done(client.post(f"/agents/{first['id']}/steps", json=body))
    done(client.post(f"/agents/{second['id']}/cancel", json={"children": "end"}))
    over = until_status(client, group, "finished")
    report = file_of(client, group, "list.md")
    assert "| 1 | Ring the bell | done | It rang twice. |" in report
    assert "## Not done" in report
    assert "| 2 | Water the plants | not done |" in report
    said = thread(client, over["root"])[-1]["content"]
    assert said.startswith("1 of 2 tasks are done.")
    assert "Not done: 2. Water the plants." in said


def test_the_conductor_goes_on_behind_a_person_who_took_its_wheel(
    client: httpx.Client, program: str, gates: Path
) -> None:
    group = make_list(client, "hold a\nhold b", program, at_once=1)
    wait_for((gates / "a.here").exists, "the first at work")
    root = done(client.get(f"/groups/{group}"))["root"]
    taken = take_over(client, root)
    done(client.post(f"/agents/{root}/hand-back", json={"epoch": taken["epoch"], "note": "Go on."}))
    for name in ("a", "b"):
        (gates / f"{name}.go").touch()
    until_state(client, root, "done")
    assert "2 of 2 tasks are done" in thread(client, root)[-1]["content"]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"lines": " \n- \n"}, "lines"), ({"lines": "x\n" * 301}, "lines"), ({"lines": "a", "worker": ""}, "worker"),
     ({"lines": "a", "worker": "nobody"}, "worker"), ({"lines": "a", "conductor": "survey-conductor"}, "conductor"),
     ({"lines": "a", "at_once": 0}, "at_once")],
)  # fmt: skip
def test_what_no_list_can_be_made_of_is_told_at_its_field(client: httpx.Client, body: Json, field: str) -> None:
    reply = client.post("/groups", json={"name": "x", "template": "list", "worker": "you", **body})
    assert reply.status_code == 422, reply.text
    assert [one["field"] for one in reply.json()["error"]["fields"]] == [field]
