"""``clawgroups agents``, ``steer``, ``pause``, ``resume`` and ``cancel``: what is done to groups and sub-agents."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clawgroups.cli.groups import AsJson
from clawgroups.cli.house import Home, Person, running
from clawgroups.cli.words import line, safe
from clawgroups.errors import Invalid

Target = Annotated[str, typer.Argument(help="The id of a group, or of a sub-agent, as in GROUP-3.")]


def agents(
    group: Annotated[str, typer.Argument(help="The group's id.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List a group's sub-agents with their ids."""
    found = running(home).get(f"/groups/{quote(group, safe='')}/agents")["agents"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("id", "name", "state", "driver", "step", "task")
    table.columns[0].no_wrap = True  # an id that is cut is of no use
    for agent in found:
        table.add_row(*(Text(line(cell)) for cell in _row(agent)))
    Console().print(table)


def _row(agent: dict[str, Any]) -> list[str]:
    driver = agent["driver"]
    return [
        agent["id"],
        agent["name"],
        _state(agent),
        driver["name"] if driver else "nobody",
        str(agent["step"]),
        agent["title"],
    ]


def _state(agent: dict[str, Any]) -> str:
    state = str(agent["state"]).replace("_", " ")
    return f"{state}: {agent['wait']}" if agent["wait"] else state


def steer(
    agent: Annotated[str, typer.Argument(help="The sub-agent's id.")],
    words: Annotated[str, typer.Argument(help="What it reads at its next step; nothing is interrupted.")],
    person: Person = "",
    home: Home = None,
) -> None:
    """Say something to a sub-agent, for its next step."""
    if not words.strip():
        raise Invalid("The message is empty.", hint='clawgroups steer AGENT "words"')
    told = running(home, person).post(f"/agents/{quote(agent, safe='')}/steer", {"message": words})
    typer.echo(f"Queued for the next step of {line(told['name'], 60)}.")


def pause(target: Target, person: Person = "", home: Home = None) -> None:
    """Pause a group or one sub-agent, at its next step."""
    told = _do("pause", target, person, home)
    still = told.get("state") == "paused"
    typer.echo(f"{_name(told)} {'is paused' if still else 'pauses at the end of the step under way'}.")


def resume(target: Target, person: Person = "", home: Home = None) -> None:
    """Let a group or one sub-agent go on."""
    typer.echo(f"{_name(_do('resume', target, person, home))} goes on.")


def cancel(
    target: Target,
    hand_up: Annotated[
        bool, typer.Option("--hand-up", help="Of a sub-agent: hand its own sub-agents to its parent, not end them too.")
    ] = False,
    person: Person = "",
    home: Home = None,
) -> None:
    """End a group, or one sub-agent. It cannot go on; what is on record stays."""
    if hand_up and not _is_agent(target):
        raise Invalid("A group has no parent.", hint="--hand-up is for a sub-agent.")
    told = _do("cancel", target, person, home, {"children": "hand_up"} if hand_up else None)
    typer.echo(f"{_name(told)} is {told.get('state') or told.get('status')}.")


def _is_agent(target: str) -> bool:
    return "-" in target


def _do(what: str, target: str, person: str, home: Any, body: dict[str, Any] | None = None) -> dict[str, Any]:
    kind = "agents" if _is_agent(target) else "groups"
    told: dict[str, Any] = running(home, person).post(f"/{kind}/{quote(target, safe='')}/{what}", body)
    return told


def _name(told: dict[str, Any]) -> str:
    return f"{line(told['name'], 60)} ({safe(told['id'])})"
