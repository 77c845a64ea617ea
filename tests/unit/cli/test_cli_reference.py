"""docs/cli.md is what the program's own help says, and the help says something of every command and option."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from clawgroups.cli.app import app

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "cli_reference.py"


def _commands(command: Any, path: str = "clawgroups") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, f"{path} {name}")


def test_the_page_is_what_the_program_says() -> None:
    environment = {**os.environ, "COLUMNS": "40"}  # the page does not depend on anybody's terminal
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_command_and_option_is_explained() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for path, command in _commands(typer.main.get_command(app)):
        assert f"\n## {path}\n" in page
        assert command.help, path
        for param in command.params:
            if not getattr(param, "hidden", False):
                assert param.help, f"{path}: {param.name}"
                assert param.param_type_name == "argument" or param.opts[0] in page, f"{path}: {param.name}"
