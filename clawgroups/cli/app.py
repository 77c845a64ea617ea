"""The command ``clawgroups`` with all its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from clawgroups import __version__
from clawgroups.cli import accounts, members
from clawgroups.cli.backend import PASS_ON, backend
from clawgroups.cli.bench import bench
from clawgroups.cli.deeds import agents, cancel, pause, resume, steer
from clawgroups.cli.doctor import doctor
from clawgroups.cli.failures import Root
from clawgroups.cli.groups import answer, export, groups
from clawgroups.cli.house import use_token
from clawgroups.cli.run import run
from clawgroups.cli.take_over import take_over
from clawgroups.cli.up import up

app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
    help="Groups of agents, in which people take the wheel of a running sub-agent and hand it back.",
)
app.command()(up)
app.command()(run)
app.command()(groups)
app.command()(agents)
app.command("take-over")(take_over)
app.command()(steer)
app.command()(pause)
app.command()(resume)
app.command()(cancel)
app.command()(answer)
app.add_typer(members.app, name="members")
app.add_typer(accounts.app, name="accounts")
app.command()(export)
app.command()(doctor)
app.command()(bench)
app.command(context_settings=PASS_ON)(backend)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, and show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    token: Annotated[
        str,
        typer.Option(envvar="CLAWGROUPS_TOKEN", show_envvar=False, help="Your token, for a server with sign-in."),
    ] = "",
) -> None:
    use_token(token)


def main() -> None:
    """Runs the command line; ends the process with its exit status."""
    app(prog_name="clawgroups")
