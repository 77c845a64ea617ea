"""What the tests of the API do again and again: make a group, wait with a deadline, take the wheel."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

PATIENCE_S = 30.0


def wait_for(read: Callable[[], Any], what: str = "it") -> Any:
    """The first true value of ``read``, within a deadline."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := read()):
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.03)
    return value


def make_group(client: httpx.Client, folder: Path, **more: Any) -> str:
    """A survey of ``folder``, started; returns its id."""
    body = {"name": "small", "template": "survey", "folder": str(folder), "start": True, "pace": 0, **more}
    made = client.post("/groups", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def agents(client: httpx.Client, group: str) -> list[dict[str, Any]]:
    """The group's sub-agents."""
    found: list[dict[str, Any]] = client.get(f"/groups/{group}/agents").json()["agents"]
    return found


def streaming_worker(client: httpx.Client, group: str) -> dict[str, Any]:
    """A worker that is being driven now."""
    found: dict[str, Any] = wait_for(
        lambda: next((a for a in agents(client, group) if a["parent"] and a["state"] == "driving"), None),
        "a worker that is driven",
    )
    return found


def take_over(client: httpx.Client, agent: str) -> dict[str, Any]:
    """Takes the wheel and waits until the person drives."""
    taken = client.post(f"/agents/{agent}/take-over", json={"mode": "now"})
    assert taken.status_code == 200, taken.text
    driven: dict[str, Any] = wait_for(
        lambda: next(
            (a for a in [client.get(f"/agents/{agent}").json()] if a["state"] == "driving" and a["driver"]), None
        ),
        "the person at the wheel",
    )
    assert driven["driver"]["kind"] == "person"
    return driven
