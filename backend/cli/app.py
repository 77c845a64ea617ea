"""The command ``python -m backend`` with all its subcommands; what is heavy is imported by the one that needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer

from backend import __version__
from backend.errors import CALLED, BackendError, EnvironmentMissing, typed

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
    help="The model server of Claw Groups: plans, sets up and serves Kimi-class models, on GPUs or on the CPU.",
)
COMMANDS = ("plan", "setup", "serve", "engine", "quantize", "tiny")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Nothing but the options that all share."""


def _command(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(import_module(f"backend.cli.{name}"), name)
    return found


def main() -> None:
    """Runs the command line; ends the process with its exit status. Errors are two lines, never a trace."""
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    for name in (asked,) if asked in COMMANDS else COMMANDS:  # the one that is asked for comes up without the others
        app.command(name)(_command(name))
    try:
        app(prog_name=os.environ.get(CALLED) or "python -m backend")
    except BackendError as error:
        _end(error)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("", "backend"):
            raise  # a fault of ours
        _end(EnvironmentMissing("The CPU engine's packages are not installed.", typed("setup")))
    except OSError as error:
        if error.filename is None:
            raise
        _end(BackendError(f"{error.filename} cannot be made, read or written: {error.strerror}.", "Name another."))


def _end(error: BackendError) -> NoReturn:
    typer.echo(f"error: {error.sentence}", err=True)
    if error.hint:
        typer.echo(f"hint: {error.hint}", err=True)
    sys.exit(2)
