"""How errors leave the command line: one sentence and a hint on standard error; a traceback only with -v."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from clawgroups.cli.words import safe
from clawgroups.errors import ClawError


class Root(TyperGroup):
    """The root command. Every ClawError below it becomes two lines and exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ClawError as error:
            if ctx.params.get("verbose"):
                traceback.print_exc(file=sys.stderr)
            tell(error)
            raise typer.Exit(1) from error


def tell(error: ClawError) -> None:
    """Prints an error for a person."""
    typer.echo(f"error: {safe(error.sentence)}", err=True)
    if error.hint:
        typer.echo(f"hint: {safe(error.hint)}", err=True)
