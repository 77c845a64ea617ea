"""``clawgroups members``: who can do work in this installation."""

from __future__ import annotations

import json
import shlex
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clawgroups.cli import member_options as opt
from clawgroups.cli.groups import AsJson
from clawgroups.cli.house import Api, Home, running
from clawgroups.cli.members_edit import edit
from clawgroups.cli.words import line, safe
from clawgroups.errors import ClawError, Forbidden

app = typer.Typer(help="List, add, change, test and remove members.", no_args_is_help=False, rich_markup_mode=None)
add = typer.Typer(help="Bring a member in.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(add, name="add")
app.command("edit")(edit)
Name = Annotated[str, typer.Argument(help="Its name.")]
Skills = Annotated[str, typer.Option(help=opt.SKILLS)]
Capacity = Annotated[int, typer.Option(min=0, max=1_000, help=opt.CAPACITY)]


@app.callback(invoke_without_command=True)
def members(context: typer.Context, home: Home = None, as_json: AsJson = False) -> None:
    """List the members; with a subcommand, change them."""
    if context.invoked_subcommand is None:
        show(home, as_json)


@app.command("list")
def show(home: Home = None, as_json: AsJson = False) -> None:
    """List the members."""
    api = running(home)
    found = api.get("/members")["members"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("id", "kind", "name", "where it runs", "load")
    for member in found:
        table.add_row(*(Text(line(cell)) for cell in _row(member)))
    console = Console()
    console.print(table)
    for offer in _offers(api):
        console.print(Text(safe(f"Found {offer['source']}: {offer['model']}. Add it: {_how(offer)}")), soft_wrap=True)


def _offers(api: Api) -> list[dict[str, Any]]:
    """Model servers found there; none for a person whose role does not let the runner look for them."""
    try:
        found: list[dict[str, Any]] = api.get("/offers")["offers"]
    except ClawError as error:
        if error.code != Forbidden.code:
            raise
        return []
    return found


def _row(member: dict[str, Any]) -> list[str]:
    model, program = member["model"], member["program"]
    where = f"{model['model']} at {model['base_url']}" if model else " ".join(program["command"]) if program else ""
    where += f", {model['context']:,} tokens" if model and model.get("context") else ""
    capacity = f" of {member['capacity']}" if member["capacity"] else ""
    return [member["id"], member["kind"], member["name"], where, f"{member['load']}{capacity}"]


def _how(offer: dict[str, Any]) -> str:
    key = f" --key-env {offer['key_ref'].removeprefix('env:')}" if offer["key_ref"] else ""
    words = ["clawgroups", "members", "add", "model", offer["name"], "--url", offer["base_url"]]
    return shlex.join([*words, "--model", offer["model"]]) + key


@add.command("model")
def add_model(
    name: Name,
    url: Annotated[str, typer.Option(help=opt.URL)],
    model: Annotated[str, typer.Option(help=opt.MODEL)],
    key_env: opt.KeyEnv = "",
    ask_key: opt.AskKey = False,
    thinking: opt.Thinking = None,
    temperature: opt.Temperature = None,
    max_tokens: opt.MaxTokens = None,
    context: opt.Context = None,
    sees: opt.Sees = None,
    price_in: opt.PriceIn = None,
    price_cached: opt.PriceCached = None,
    price_out: opt.PriceOut = None,
    extra_body: opt.ExtraBody = None,
    skills: Skills = "",
    capacity: Capacity = 0,
    home: Home = None,
) -> None:
    """Add a model behind an OpenAI-compatible endpoint."""
    extra = opt.extra_of(extra_body)
    key = opt.asked_key() if ask_key else ""
    endpoint = opt.given(
        base_url=url, model=model, api_key=key or None, key_ref=f"env:{key_env}" if key_env else None,
        thinking=thinking, temperature=temperature, max_tokens=max_tokens, context=context, sees=sees,
        price_in=price_in, price_cached=price_cached, price_out=price_out, extra_body=extra,
    )  # fmt: skip
    _add({"name": name, "kind": "model", "model": endpoint}, skills, capacity, home)


@add.command("program", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def add_program(
    name: Name,
    command: Annotated[list[str], typer.Argument(help="The executable and its arguments.")],
    skills: Skills = "",
    capacity: Capacity = 0,
    no_test: Annotated[bool, typer.Option("--no-test", help="Do not start it once to see whether it works.")] = False,
    home: Home = None,
) -> None:
    """Add a program that speaks the protocol of docs/programs.md. Options come before the name.

    It is started once, on an empty task, to see whether it works; it is a member in any case.
    """
    body = {"name": name, "kind": "program", "program": {"command": command}}
    _add(body, skills, capacity, home, test=not no_test)


@add.command("person")
def add_person(name: Name, skills: Skills = "", home: Home = None) -> None:
    """Add a person who can be given work, and can act here with --as."""
    _add({"name": name, "kind": "person"}, skills, 0, home)


def _add(body: dict[str, Any], skills: str, capacity: int, home: Any, *, test: bool = False) -> None:
    """``test``: at once, since it costs nothing; of a model, whose answer may cost, only how to."""
    body |= {"skills": opt.skills_of(skills), "capacity": capacity}
    api = running(home)
    made = api.post("/members", body)
    how = "" if made["kind"] == "person" or test else f" Test it: clawgroups members test {made['id']}"
    typer.echo(f"{made['id']} is a member now.{how}")
    if test:
        _test_new(api, made["id"])


def _test_new(api: Api, member: str) -> None:
    """Tells whether it works; that it does not is a warning, for it may be mended in place."""
    try:
        result = api.post(f"/members/{member}/test")
    except ClawError as error:  # no runner is up, or the role does not allow it
        result = {"ok": False, "sentence": f"It could not be tested: {error.sentence}", "hint": error.hint}
    if result["ok"]:
        typer.echo(f"{safe(result['sentence'])} ({result['ms']} ms)")
        return
    typer.echo(f"warning: {safe(result['sentence'])}", err=True)
    again = f"Then test it again: clawgroups members test {member}"
    typer.echo(f"hint: {safe(result['hint'])} {again}".replace("  ", " "), err=True)


@app.command("test")
def try_out(member: Annotated[str, typer.Argument(help="The member's id.")], home: Home = None) -> None:
    """Try whether a member works."""
    result = running(home).post(f"/members/{member}/test")
    if not result["ok"]:
        raise ClawError(result["sentence"], hint=result["hint"])
    typer.echo(f"{safe(result['sentence'])} ({result['ms']} ms)")


@app.command("remove")
def remove(member: Annotated[str, typer.Argument(help="The member's id.")], home: Home = None) -> None:
    """Take a member off the list."""
    running(home).delete(f"/members/{member}")
    typer.echo(f"{member} is no longer a member.")
