"""``clawgroups backend``: passes everything on to the backend, which is a program of its own."""

from __future__ import annotations

import subprocess
import sys

import typer

from clawgroups.settings import Settings

PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def backend(context: typer.Context) -> None:
    """Plan, set up and serve models on this machine: clawgroups backend --help lists its commands."""
    python = Settings().backend_python or sys.executable
    raise typer.Exit(subprocess.run([python, "-m", "backend", *context.args], check=False).returncode)
