"""``clawgroups bench``: measures this machine; one JSON object on the last line."""

from __future__ import annotations

import importlib
import json
import logging
from typing import Annotated, Any

import typer
import uvloop

from clawgroups.cli.logs import set_up_logging
from clawgroups.errors import ClawError, Invalid

NAMES = ("dispatch", "takeover", "feed", "resume", "streams", "history-open", "wall", "leak", "engine")


def bench(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(NAMES)}.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="A small run of some seconds; its figures mean little.")
    ] = False,
) -> None:
    """Run a benchmark; the last line is one JSON object."""
    if name not in NAMES:
        raise Invalid(f"There is no benchmark {name!r}.", hint=f"Benchmarks: {', '.join(NAMES)}.")
    set_up_logging(logging.WARNING)
    try:
        module = importlib.import_module(f"benchmarks.{name.replace('-', '_')}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("benchmarks"):
            raise
        raise ClawError(
            "The benchmarks are not installed.", hint="Run this from a checkout after `make setup`; see README.md."
        ) from error
    figures: dict[str, Any] = uvloop.run(module.run(**(module.QUICK if quick else {})))
    typer.echo(json.dumps(figures))
