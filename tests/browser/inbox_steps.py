"""What the tests of the inbox do: a swarm whose sub-agents all ask, and browsers in which different people sit."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import httpx
from browser_faults import Opener
from browser_steps import Json, act_as, asking, done, wait_for
from playwright.sync_api import Locator, Page, expect

PROGRAM = Path(__file__).parents[1] / "integration" / "api" / "planned_program.py"
Call = tuple[str, Json]
SAME: Call = ("write_file", {"path": "same.txt", "content": "the same"})


class Swarms:
    """Groups of planned programs: a conductor that assigns tasks, each of which makes one call and is done."""

    def __init__(self, api: httpx.Client, gates: Path) -> None:
        self.api = api
        name, command = f"Planned {secrets.token_hex(3)}", ["{python}", str(PROGRAM), str(gates)]
        made = api.post("/members", json={"name": name, "kind": "program", "program": {"command": command}})
        self.member = str(done(made)["id"])

    def asking(self, *calls: Call, policies: Json | None = None) -> tuple[str, list[Json]]:
        """A group in which as many sub-agents wait with these calls, and their requests."""
        create = ("create_subagent", {"name": "hand", "system_prompt": "Work."})
        tasks = [("assign_task", {"agent": "hand", "prompt": f"Do it.\n{_plan([call])}"}) for call in calls]
        goal = f"Follow the plan.\n{_plan([create], tasks)}"
        body = {"name": f"Swarm {secrets.token_hex(2)}", "goal": goal, "conductor": self.member, "worker": self.member}
        asked = {"policies": policies or {"write_file": "ask"}, "start": True}
        group = str(done(self.api.post("/groups", json={**body, **asked}))["id"])
        return group, asking(self.api, group, len(calls))


def _plan(*turns: list[Call]) -> str:
    made = [{"text": "I go on.", "calls": [{"name": n, "arguments": a} for n, a in calls]} for calls in turns]
    return json.dumps({"turns": made, "result": "done"})


def writes(path: str) -> Call:
    """A call that needs leave, unlike that of the others."""
    return "write_file", {"path": path, "content": path}


def sit_down(open_page: Opener, person_id: str, path: str, **size: int) -> Page:
    """A browser of its own in which that person sits, at ``path``."""
    page = open_page("/members", **size)
    act_as(page, person_id)
    page.goto(f"{page.url.split('/members')[0]}{path}")
    return page


def same_of(page: Page) -> Locator:
    """The folded items of the inbox."""
    return page.locator(".item-same")


def count_is(page: Page, number: int) -> None:
    """Waits until the inbox says that so many wait."""
    expect(page.locator(".inbox > .pane-head .count")).to_have_text(str(number))


def answers_of(api: httpx.Client, group: str, **query: object) -> list[Json]:
    """What is on record as answered, newest first."""
    found: list[Json] = done(api.get(f"/groups/{group}/answers", params={"limit": 200, **query}))["answers"]
    return found


def assigned(api: httpx.Client, group: str, request: Json) -> str:
    """Who has the request on the server's side."""
    found = done(api.get("/requests", params={"group": group}))["requests"]
    return str(next(one["assigned"] for one in found if one["id"] == request["id"]))


def has_it(api: httpx.Client, group: str, request: Json, who: str) -> None:
    """Waits until that person has the request; nobody when it is empty."""
    wait_for(lambda: assigned(api, group, request) == who, f"that {who or 'nobody'} has it")
