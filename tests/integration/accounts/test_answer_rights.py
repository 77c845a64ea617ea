"""An answer that does what a command does needs that command's role: no answer reaches what one may not do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from accounts_steps import Json, Team, done, wait_for, wrong

PROGRAM = Path(__file__).parents[1] / "api" / "planned_program.py"
WRITE = {"name": "write_file", "arguments": {"path": "a.txt", "content": "a"}}
READ = {"name": "list_files", "arguments": {}}
BROKEN = ["{python}", "-c", "raise SystemExit(1)"]


class House:
    """A team with an operator and a driver, and members whose turns a test writes down, or that fail."""

    def __init__(self, team: Team, gates: Path) -> None:
        self.team = team
        self.operator, self.driver = team.join("olga", "operator"), team.join("dora", "driver")
        self._planned = self._program("Planned", ["{python}", str(PROGRAM), str(gates)])
        self._broken = self._program("Broken", BROKEN)

    def _program(self, name: str, command: list[str]) -> str:
        body = {"name": name, "kind": "program", "program": {"command": command}}
        return str(done(self.team.ada.post("/members", json=body))["id"])

    def asks(self, kind: str) -> Json:
        """An open request of that kind, in a group of its own."""
        member = self._broken if kind == "stall" else self._planned
        turns = [{"text": "I go on.", "calls": [WRITE if kind == "approval" else READ]}] * 3
        more: Json = {"approval": {"policies": {"write_file": "ask"}}, "budget": {"limits": {"max_steps": 1}}}
        goal = "Follow the plan.\n" + json.dumps({"turns": turns, "result": "done"})
        group = self.team.group(goal=goal, conductor=member, worker=member, start=True, **more.get(kind, {}))

        def read() -> Json | None:
            found = done(self.team.ada.get("/requests", params={"group": group}))["requests"]
            return found[0] if found else None

        request: Json = wait_for(read, f"a request of kind {kind}")
        assert request["kind"] == kind
        return request

    def state(self, request: Json) -> str:
        """Of the request: open, or how it was answered."""
        return str(self._row(request)["state"])

    def _row(self, request: Json) -> Json:
        for state in ("open", "closed"):
            asked = {"group": request["group"], "state": state}
            for one in done(self.team.ada.get("/requests", params=asked))["requests"]:
                if one["id"] == request["id"]:
                    return dict(one)
        raise AssertionError(f"{request['id']} is gone")


@pytest.fixture(scope="module")
def house(team: Team, tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(team, tmp_path_factory.mktemp("gates"))


def answer(browser: httpx.Client, request: Json, **body: Any) -> httpx.Response:
    return browser.post(f"/requests/{request['id']}/answer", json=body)


@pytest.mark.parametrize(
    ("kind", "body", "what"),
    [
        ("budget", {"decision": "fail"}, "stop a group"),
        ("budget", {"decision": "raise", "amount": 5}, "move limits"),
        ("approval", {"decision": "approve", "scope": "group"}, "change what tools may do"),
        ("stall", {"decision": "fail"}, "end a sub-agent"),
        ("stall", {"decision": "reassign", "member": "you"}, "reassign"),
    ],
)
def test_an_operator_is_refused_what_an_answer_amounts_to_and_a_driver_is_not(
    house: House, kind: str, body: Json, what: str
) -> None:
    request = house.asks(kind)
    group = request["group"]
    before = done(house.team.ada.get(f"/groups/{group}"))
    error = wrong(answer(house.operator, request, **body), 403, "forbidden")
    assert error["sentence"] == f"As an operator you may not {what}."
    assert error["hint"] == "It needs a driver: ask Ada, Dora."
    assert house.state(request) == "open"
    after = done(house.team.ada.get(f"/groups/{group}"))
    assert (after["status"], after["limits"]) == (before["status"], before["limits"])
    assert done(answer(house.driver, request, **body))["by"] == "dora"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("approval", {"decision": "approve"}),
        ("approval", {"decision": "approve", "scope": "tool"}),
        ("approval", {"decision": "deny"}),
        ("stall", {"decision": "retry"}),
    ],
)
def test_an_operator_gives_every_other_answer(house: House, kind: str, body: Json) -> None:
    request = house.asks(kind)
    assert done(answer(house.operator, request, **body))["by"] == "olga"


def test_an_answer_that_comes_too_late_is_told_so_whatever_it_amounts_to(house: House) -> None:
    request = house.asks("budget")
    done(answer(house.driver, request, decision="fail"))
    assert wrong(answer(house.operator, request, decision="fail"), 409, "refused")["rule"] == "answered_once"
