"""``clawgroups backend``: passes everything on to the backend, which is a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import typer

from clawgroups.settings import Settings

PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def backend(context: typer.Context) -> None:
    """Plan, set up and serve models on this machine: clawgroups backend --help lists its commands.

    They are plan, setup, serve, engine, quantize and tiny; docs/backend.md and what it points to tells of each.
    """
    python = Settings().backend_python or sys.executable
    called = {**os.environ, "BACKEND_CALLED_AS": "clawgroups backend"}  # its usage names what was typed
    done = subprocess.run([python, "-m", "backend", *context.args], env=called, check=False)
    raise typer.Exit(done.returncode)
