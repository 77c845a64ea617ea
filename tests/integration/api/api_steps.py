"""What the tests of the API do again and again: make a group, wait with a deadline, take the wheel."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from clawgroups.testing.server_process import ServerProcess

PATIENCE_S = 30.0
PROGRAM = Path(__file__).with_name("planned_program.py")
Json = dict[str, Any]


def wait_for(read: Callable[[], Any], what: str = "it") -> Any:
    """The first true value of ``read``, within a deadline."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := read()):
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.03)
    return value


def done(reply: httpx.Response, status: int = 200) -> Json:
    """The body of an answer that must be a success."""
    assert reply.status_code == status, f"{reply.status_code}: {reply.text}"
    body: Json = reply.json()
    return body


def refused(reply: httpx.Response, rule: str, state: str) -> Json:
    """The error of an answer that must be a rule's refusal."""
    assert reply.status_code == 409, f"{reply.status_code}: {reply.text}"
    error: Json = reply.json()["error"]
    assert (error["rule"], error["state"]) == (rule, state), error
    assert error["sentence"].endswith(".")
    return error


def make_group(client: httpx.Client, folder: Path, **more: Any) -> str:
    """A survey of ``folder``, started; returns its id."""
    body = {"name": "small", "template": "survey", "folder": str(folder), "start": True, "pace": 0, **more}
    return str(done(client.post("/groups", json=body), 201)["id"])


class Plans:
    """Groups of one sub-agent whose turns a test writes down; see ``planned_program``."""

    def __init__(self, client: httpx.Client, gates: Path) -> None:
        self.client = client
        self._gates = gates
        self._opened: list[str] = []
        program = {"command": ["{python}", str(PROGRAM), str(gates)]}
        name = f"Planned {secrets.token_hex(3)}"
        body = {"name": name, "kind": "program", "program": program}
        self.member = str(done(client.post("/members", json=body), 201)["id"])

    def group(self, *turns: Json, result: str = "done", start: bool = True, **more: Any) -> str:
        """The id of the group's one sub-agent, at work unless told otherwise."""
        goal = "Follow the plan.\n" + json.dumps({"turns": turns, "result": result})
        body = {"name": "planned", "goal": goal, "conductor": self.member, "worker": self.member, "start": start}
        made = done(self.client.post("/groups", json=body | more), 201)
        return f"{made['id']}-1"

    def open(self, gate: str) -> None:
        """Lets the turn go on that waits for ``gate``."""
        (self._gates / gate).touch()

    def turn(self, text: str = "I work.", *calls: tuple[str, Json], wait: str = "", times: int = 1) -> Json:
        """One turn; its words are said ``times`` times."""
        made = [{"name": name, "arguments": arguments} for name, arguments in calls]
        return {"text": text, "wait": wait, "calls": made, "times": times}

    def talking(self, words: str = "I work.", **more: Any) -> Json:
        """A sub-agent in the middle of a turn that does not end until a person acts; its words are on the feed."""
        agent = self.group(self.turn(words, wait=f"never-{secrets.token_hex(3)}"), **more)
        return until(self.client, agent, lambda a: words[-20:] in a["partial"]["text"])


def until(client: httpx.Client, agent: str, holds: Callable[[Json], Any]) -> Json:
    """The sub-agent as soon as ``holds`` is true of it."""

    def read() -> Json | None:
        seen = done(client.get(f"/agents/{agent}"))
        return seen if holds(seen) else None

    found: Json = wait_for(read, f"what the test waits for with {agent}")
    return found


def until_state(client: httpx.Client, agent: str, state: str) -> Json:
    """The sub-agent as soon as it is in ``state``."""
    return until(client, agent, lambda a: a["state"] == state)


def until_status(client: httpx.Client, group: str, status: str) -> Json:
    """The group as soon as it has ``status``."""
    found: Json = wait_for(
        lambda: next((g for g in [done(client.get(f"/groups/{group}"))] if g["status"] == status), None),
        f"group {group} {status}",
    )
    return found


def agents(client: httpx.Client, group: str) -> list[Json]:
    """The group's sub-agents."""
    found: list[Json] = done(client.get(f"/groups/{group}/agents"))["agents"]
    return found


def take_over(client: httpx.Client, agent: str, **more: Any) -> Json:
    """Takes the wheel and waits until the person drives."""
    done(client.post(f"/agents/{agent}/take-over", json={"mode": "now"}, **more))
    return until(client, agent, lambda a: a["state"] == "driving" and a["driver"] and a["driver"]["kind"] == "person")


def thread(client: httpx.Client, agent: str) -> list[Json]:
    """The whole transcript."""
    found: list[Json] = done(client.get(f"/agents/{agent}/transcript", params={"limit": 1_000}))["entries"]
    return found


def requests_of(client: httpx.Client, group: str, count: int = 1) -> list[Json]:
    """The open requests of a group, as soon as there are so many."""

    def read() -> list[Json] | None:
        found: list[Json] = done(client.get("/requests", params={"group": group}))["requests"]
        return found if len(found) >= count else None

    waiting: list[Json] = wait_for(read, f"{count} requests")
    return waiting


def wait_for_runner(running: ServerProcess) -> None:
    """Until a runner has joined and has said what its sandbox can do."""
    deadline = time.monotonic() + PATIENCE_S
    while not httpx.get(f"{running.api}/status").json()["runner"]["sandbox"]["level"]:
        assert time.monotonic() < deadline, running.log_text()
        time.sleep(0.05)
