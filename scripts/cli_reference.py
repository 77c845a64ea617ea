"""Writes docs/cli.md from the program's own help. A test holds the two together; ``--check`` only compares."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from clawgroups.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
INTRO = """\
# The command line

Made by `scripts/cli_reference.py` from the program's own help; a test keeps it so. Do not edit it by hand.

Results go to standard output, everything else to standard error. Exit status: 0 done, 1 failed (an `error:` line says
what, a `hint:` line how to mend it), 2 wrong options, 130 after Ctrl-C. `--json` is for scripts. Every command that
takes `--home` also reads `CLAWGROUPS_HOME`; all settings can come from the environment as `CLAWGROUPS_...`.

```sh
clawgroups up                                                  # the control room, until Ctrl-C
clawgroups run "What is in here?" --folder ~/notes --template survey
clawgroups answer                                              # what waits for you, with the command for each answer
clawgroups take-over GROUP-3                                   # drive its third sub-agent, from a prompt
clawgroups take-over GROUP-3 --call read_file '{"path": "a.txt"}' --hand-back "Look at line 3."
clawgroups members add model Kimi --url http://127.0.0.1:30000/v1 --model kimi-k2.6
clawgroups doctor                                              # what works here, and how to mend the rest
```
"""


def page() -> str:
    """The whole page."""
    root = typer.main.get_command(app)
    return "\n".join([INTRO, *(_section(path, command) for path, command in _commands(("clawgroups",), root))])


def _commands(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands((*path, name), child)


def _section(path: tuple[str, ...], command: Any) -> str:
    shown = [param for param in command.params if not getattr(param, "hidden", False)]
    arguments = [param for param in shown if param.param_type_name == "argument"]
    options = [param for param in shown if param.param_type_name == "option"]
    children = list(getattr(command, "commands", {}))
    usage = [
        *path,
        "[OPTIONS]" if options else "",
        *(_word(argument) for argument in arguments),
        "COMMAND ..." if children else "",
    ]
    lines = [f"## {' '.join(path)}", "", _told(command), "", f"`{' '.join(word for word in usage if word)}`", ""]
    if children:
        lines += [f"Commands: {', '.join(f'`{name}`' for name in children)}.", ""]
    if shown:
        lines += ["| | |", "| --- | --- |"]
        lines += [f"| `{_word(argument)}` | {_meaning(argument)} |" for argument in arguments]
        lines += [f"| `{_names(option)}` | {_meaning(option)} |" for option in options]
        lines.append("")
    return "\n".join(lines)


def _told(command: Any) -> str:
    """Its help, one paragraph a line."""
    return "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))


def _word(argument: Any) -> str:
    word = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return word if argument.required else f"[{word}]"


def _names(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len)) + "".join(f" / {name}" for name in option.secondary_opts)
    return names if option.is_flag else f"{names} {option.metavar or option.name.upper().replace('AS_', '')}"


def _meaning(param: Any) -> str:
    """Its help with what else may be known: whether it must be given, and its default."""
    more = ["needed"] if param.required and param.param_type_name == "option" else []
    more += (
        [f"default {param.default}"]
        if getattr(param, "show_default", False) and param.default not in (None, "", False)
        else []
    )
    text = " ".join((param.help or "").split()).replace("|", "\\|")
    return f"{text} ({', '.join(more)})" if more else text


def main() -> int:
    """0: the page is (now) right; 1: it was not, with ``--check``."""
    parser = argparse.ArgumentParser(description="Writes docs/cli.md from the program's own help.")
    parser.add_argument("--check", action="store_true", help="only compare")
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    if PAGE.exists() and PAGE.read_text() == page():
        return 0
    sys.stderr.write("docs/cli.md differs from the program's help; run: .venv/bin/python scripts/cli_reference.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
