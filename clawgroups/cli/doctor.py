"""``clawgroups doctor``: what works on this machine, and how to mend the rest."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

import typer
from rich.console import Console
from rich.text import Text

from clawgroups.cli import checks
from clawgroups.cli.checks import Row, State
from clawgroups.cli.groups import AsJson
from clawgroups.cli.house import Database, Home, serving, settings_of
from clawgroups.cli.logs import set_up_logging
from clawgroups.cli.words import line
from clawgroups.errors import ClawError
from clawgroups.settings import Settings

FAILED = 1
STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}
Look = Callable[[], Awaitable[Row | list[Row]]]


def doctor(home: Home = None, database: Database = None, as_json: AsJson = False) -> None:
    """Look what works on this machine, and how to mend the rest.

    Nothing is changed. Exit status 1 when something that is needed does not work.
    """
    set_up_logging(logging.CRITICAL)  # what goes wrong stands in the rows
    rows = asyncio.run(_rows(settings_of(home=home, database=database)))
    failed = [row.name for row in rows if row.state is State.FAIL]
    if as_json:
        typer.echo(json.dumps({"ok": not failed, "rows": [row.as_dict() for row in rows]}, indent=2))
    else:
        _print(rows, failed)
    raise typer.Exit(FAILED if failed else 0)


async def _rows(settings: Settings) -> list[Row]:
    from clawgroups.cli import checks_house, checks_ledger  # slow to load

    facts = await asyncio.to_thread(serving, settings.home)
    listed: list[tuple[str, Look]] = [
        ("python", lambda: asyncio.to_thread(checks.python)),
        ("home", lambda: asyncio.to_thread(checks.home_folder, settings.home)),
        ("disk", lambda: asyncio.to_thread(checks.disk, settings.home)),
        ("database", lambda: checks_ledger.database(settings, facts["pid"] if facts else None)),
        ("server", lambda: asyncio.to_thread(checks_house.server, settings.home)),
        ("port", lambda: asyncio.to_thread(checks.port, settings, facts)),
        ("sandbox", lambda: asyncio.to_thread(checks.sandbox)),
        ("git", lambda: asyncio.to_thread(checks.git)),
        ("members", lambda: checks_house.members(settings, facts)),
        ("model servers", checks_house.offers),
        ("backend", lambda: asyncio.to_thread(checks.backend, settings)),
        ("bench peers", lambda: asyncio.to_thread(checks.peers)),
    ]
    found = await asyncio.gather(*(_looked(name, look) for name, look in listed))
    return [row for rows in found for row in rows]


async def _looked(name: str, look: Look) -> list[Row]:
    """A check that breaks is a row too: the others must still be told."""
    try:
        found = await look()
    except ClawError as error:
        return [Row(name, State.FAIL, error.sentence, error.hint)]
    except Exception as error:
        return [
            Row(
                name,
                State.FAIL,
                f"This could not be looked at: {type(error).__name__}: {error}",
                "That is a fault of the doctor itself: please report it.",
            )
        ]
    return found if isinstance(found, list) else [found]


def _print(rows: list[Row], failed: list[str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(line(row.name, 40)) for row in rows)
    for row in rows:
        name = line(row.name, 40).ljust(width)
        console.print(Text.assemble((row.state.value.ljust(5), STYLES[row.state]), name, "  ", line(row.detail, 400)))
        if row.hint and (row.state is not State.OK):
            console.print(Text(f"{' ' * (width + 7)}{line(row.hint, 400)}", style="dim"))
    summary = (
        f"Needed and not working: {', '.join(line(name, 40) for name in failed)}."
        if failed
        else "All that is needed works."
    )
    console.print(Text(summary, style="bold red" if failed else "green"))
