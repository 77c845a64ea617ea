"""``clawgroups accounts``: who may sign in. For whoever can read the home's files; no token is needed."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clawgroups.cli.groups import AsJson
from clawgroups.cli.house import Api, Database, Home, Json, home_key, serving, settings_of
from clawgroups.cli.own_server import OwnServer
from clawgroups.cli.words import line, safe
from clawgroups.dispatcher.accounts.rights import Role
from clawgroups.errors import Invalid

app = typer.Typer(help="List, add and change who may sign in.", no_args_is_help=False, rich_markup_mode=None)
Account = Annotated[str, typer.Argument(help="Sign-in name or id.")]
Wanted = Annotated[Role, typer.Option(help="viewer, operator, driver or admin.")]


@contextlib.contextmanager
def _office(home: Path | None, database: str | None) -> Iterator[Api]:
    """The API of the home's server with the home's own right. Where none runs, one is started for the moment.

    That one has no runner, so it drives nobody, and it listens on this machine only.
    """
    settings = settings_of(home=home, database=database)
    with contextlib.ExitStack() as held:
        facts = serving(settings.home)
        if facts is None:
            facts = held.enter_context(OwnServer(settings.home, settings.database, bare=True)).facts
            facts = {**facts, "lasts": False}
        yield held.enter_context(contextlib.closing(Api(facts, token=home_key(settings.home))))


@app.callback(invoke_without_command=True)
def accounts(context: typer.Context, home: Home = None, as_json: AsJson = False, database: Database = None) -> None:
    """List the accounts; with a subcommand, change them."""
    if context.invoked_subcommand is None:
        show(home, as_json, database)


@app.command("list")
def show(home: Home = None, as_json: AsJson = False, database: Database = None) -> None:
    """List the accounts."""
    with _office(home, database) as api:
        found = api.get("/accounts")["accounts"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found:
        typer.echo("Nobody signs in here. Make the first account: clawgroups accounts add NAME --role admin")
        return
    table = Table("sign-in name", "name", "role", "state", "last seen")
    for account in found:
        cells = (account["sign_in_name"], account["name"], account["role"], _state(account), _seen(account))
        table.add_row(*(Text(line(cell)) for cell in cells))
    Console().print(table)


def _state(account: Json) -> str:
    if account["disabled"]:
        return "disabled"
    return "active" if account["has_password"] else "invited" if account["invited"] else "link too old"


def _seen(account: Json) -> str:
    at = account["last_seen"]
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / 1_000)) if at else "never"


@app.command("add")
def add(
    sign_in_name: Annotated[str, typer.Argument(help="What they sign in with.")],
    role: Wanted = Role.VIEWER,
    name: Annotated[str, typer.Option(help="Their name as others see it (default: the sign-in name).")] = "",
    member: Annotated[str, typer.Option(help="A person who is a member already, by id.")] = "",
    home: Home = None,
    database: Database = None,
) -> None:
    """Add an account. The first is an admin's and asks for the password; others get a one-time link.

    The first account takes over the person that the local admin has been.
    """
    with _office(home, database) as api:
        body: Json = {"sign_in_name": sign_in_name, "role": role.value, "name": name, "member": member}
        if not api.get("/health")["sign_in"]:
            if role is not Role.ADMIN:
                raise Invalid(
                    "The first account is an admin's.", hint=f"clawgroups accounts add {sign_in_name} --role admin"
                )
            body["password"] = _asked_password()
        made = api.post("/accounts", body)
        typer.echo(f"{made['sign_in_name']} is an account now, with the role {made['role']}.")
        _tell_link(api, made)


def _tell_link(api: Api, made: Json) -> None:
    """Where no server goes on running, the link's address is not known yet."""
    if made["invitation"]:
        where = api.url if api.facts.get("lasts", True) else "http://THIS-SERVER"
        typer.echo(f"Pass this link on; it is good once, for seven days: {where}{made['invitation']}")


def _asked_password() -> str:
    """Never an argument: those are seen by everybody on the machine. A script may write it on standard input."""
    if typer.get_text_stream("stdin").isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return typer.get_text_stream("stdin").readline().rstrip("\r\n")


@app.command("role")
def role(
    account: Account,
    role: Annotated[Role, typer.Argument(help="viewer, operator, driver or admin.")],
    home: Home = None,
    database: Database = None,
) -> None:
    """Change a role; it holds at once, on open pages too."""
    made = _change(account, {"role": role.value}, home, database)
    typer.echo(f"{safe(made['sign_in_name'])} has the role {made['role']} now.")


@app.command("password")
def password(account: Account, home: Home = None, database: Database = None) -> None:
    """Set a password: asked for, or read from standard input. All their browsers are signed out."""
    made = _change(account, {"password": _asked_password()}, home, database)
    typer.echo(f"The password of {safe(made['sign_in_name'])} was changed.")


@app.command("link")
def link(account: Account, home: Home = None, database: Database = None) -> None:
    """Make a new one-time link by which they choose a password."""
    with _office(home, database) as api:
        _tell_link(api, api.post(f"/accounts/{quote(account, safe='')}/invitation"))


@app.command("disable")
def disable(
    account: Account,
    undo: Annotated[bool, typer.Option("--undo", help="Let them in again.")] = False,
    home: Home = None,
    database: Database = None,
) -> None:
    """Shut an account: its browsers are signed out at once and its tokens stop to work."""
    made = _change(account, {"disabled": not undo}, home, database)
    typer.echo(f"{safe(made['sign_in_name'])} {'may sign in again' if undo else 'is disabled'}.")


@app.command("sign-out")
def sign_out(account: Account, home: Home = None, database: Database = None) -> None:
    """Sign somebody out in all browsers."""
    with _office(home, database) as api:
        made = api.post(f"/accounts/{quote(account, safe='')}/sign-out")
    typer.echo(f"{safe(made['sign_in_name'])} is signed out everywhere.")


@app.command("token")
def token(
    account: Account,
    name: Annotated[str, typer.Option(help="A name by which one knows it again (default: with the time).")] = "",
    home: Home = None,
    database: Database = None,
) -> None:
    """Make a personal token for programs and print it, this once: for --token or CLAWGROUPS_TOKEN."""
    with _office(home, database) as api:
        typer.echo(api.post(f"/accounts/{quote(account, safe='')}/tokens", {"name": name})["secret"])


def _change(account: str, body: Json, home: Path | None, database: str | None) -> Json:
    with _office(home, database) as api:
        made: Json = api.patch(f"/accounts/{quote(account, safe='')}", body)
        return made
