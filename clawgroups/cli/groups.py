"""``clawgroups groups``, ``answer`` and ``export``: look at groups from a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clawgroups.cli.house import Api, Database, Home, NoServer, Person, announced, running, serving, settings_of
from clawgroups.cli.needs import how_to_answer
from clawgroups.cli.words import counts_of, line, safe
from clawgroups.errors import Invalid, LedgerBusy, NotFound
from clawgroups.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def groups(home: Home = None, as_json: AsJson = False) -> None:
    """List the groups of the running server."""
    api = running(home)
    found = api.get("/groups")["groups"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("id", "name", "status", "sub-agents", "steps", "needs you", "started")
    for column in (table.columns[0], table.columns[-1]):  # in a narrow terminal the others give way
        column.no_wrap = True
    for group in found:
        table.add_row(*(Text(line(cell)) for cell in _row(group)))
    console = Console()
    console.print(table if found else Text("No groups yet. Make one: clawgroups run GOAL --folder DIR"))
    console.print(Text(f"{api.url}"), style="dim")


def _row(group: dict[str, Any]) -> list[str]:
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(group["started_at"] / 1000)) if group["started_at"] else ""
    return [
        group["id"],
        group["name"],
        group["status"],
        counts_of(group),
        str(group["steps"]),
        str(group["needs_you"] or ""),
        started,
    ]


def answer(
    request: Annotated[str, typer.Argument(help="The request's id; without it, all that waits is listed.")] = "",
    decision: Annotated[
        str, typer.Argument(help="One of its choices, e.g. approve, deny, answer, accept, reject.")
    ] = "",
    text: Annotated[str, typer.Option(help="The answer's words, the result, or the reason.")] = "",
    member: Annotated[str, typer.Option(help="The member to give the task to.")] = "",
    amount: Annotated[float, typer.Option(help="The limit to raise to.")] = 0,
    arguments: Annotated[str, typer.Option(help="The call's arguments instead of its own, as a JSON object.")] = "",
    scope: Annotated[str, typer.Option(help="How far an approval goes: once, tool or group.")] = "once",
    person: Person = "",
    home: Home = None,
) -> None:
    """Answer a request that waits for a person, or list what waits."""
    api = running(home, person)
    if not request:
        _list_requests(api, settings_of(home=home).home)
        return
    body: dict[str, Any] = {"decision": decision, "text": text, "member": member, "amount": amount, "scope": scope}
    if not decision:
        raise Invalid(f"What is the answer to {request}?", hint="clawgroups answer, without more, lists the choices.")
    if arguments:
        body["arguments"] = object_of(arguments, "--arguments")
    done = api.post(f"/requests/{request}/answer", body)
    typer.echo(f"{safe(request)}: {safe(done['state'])}")


def _list_requests(api: Api, home: Path) -> None:
    found = api.get("/requests")["requests"]
    for request in found:
        typer.echo("\n".join(how_to_answer(request, api.url, home)))
    if not found:
        typer.echo("Nothing waits for a person.")


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number there")


def object_of(text: str, where: str) -> dict[str, Any]:
    """A JSON object that a person typed. Raises Invalid."""
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{where}: that is not JSON ({error}).", hint='Write an object: {"path": "a.txt"}.') from error
    if not isinstance(value, dict):
        raise Invalid(f"{where}: that is JSON, but no object.", hint='Write an object: {"path": "a.txt"}.')
    return value


def export(
    group: Annotated[str, typer.Argument(help="The group's id.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write (default: standard output).", show_default=False),
    ] = None,
    database: Database = None,
    home: Home = None,
) -> None:
    """Write a group's whole record as JSON lines, from the running server or straight from the ledger."""
    settings = settings_of(home=home, database=database)
    facts = serving(settings.home)
    part = output.with_name(f".{output.name}.part") if output else Path("/dev/stdout")
    try:
        if facts is not None:
            Api(facts).save(f"/groups/{group}/export", part)
        else:
            asyncio.run(_export_from_ledger(settings, group, part))
        if output is not None:
            part.replace(output)
            typer.echo(f"written to {output}", err=True)
    except OSError as error:
        raise Invalid(f"{output or part} cannot be written: {error.strerror}.", hint="Name another file.") from error
    finally:
        if output is not None:
            with contextlib.suppress(OSError):  # told above already
                part.unlink(missing_ok=True)


async def _export_from_ledger(settings: Settings, group: str, to: Path) -> None:
    from clawgroups.ledger.export import export_events  # slow to load, and seldom needed
    from clawgroups.ledger.ledger import Ledger

    if not settings.database and not (settings.home / "clawgroups.db").exists():
        raise NotFound(f"There is no ledger in {settings.home}.", hint="Name the right --home or --database.")
    try:
        ledger = await Ledger.open(settings.database_url)
    except LedgerBusy as error:
        raise NoServer(settings.home, stale=announced(settings.home) is not None) from error
    try:
        await ledger.reader.load_group(group)
        with to.open("w") if to != Path("/dev/stdout") else sys.stdout as file:
            async for line in export_events(ledger.reader, group):
                file.write(line + "\n")
    finally:
        await ledger.close()
