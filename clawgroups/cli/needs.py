"""What waits for a person, told in a terminal: what it is about, and how to answer it from there or on screen."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from clawgroups.cli.words import line

LONGEST = 400  # characters of a sentence; a terminal wraps it
_MORE = {
    "text": ("--text", "WORDS"),
    "member": ("--member", "MEMBER"),
    "amount": ("--amount", "NUMBER"),
    "arguments": ("--arguments", "JSON"),
}


def how_to_answer(request: dict[str, Any], url: str, home: Path) -> list[str]:
    """A few lines: the request, where to answer it, and each answer as a command."""
    title = line(request["title"], LONGEST) or request["kind"]
    lines = [f"{request['id']} needs you ({request['kind']}): {title}"]
    lines += [f"  {line(part, LONGEST)}" for part in str(request["detail"]).splitlines()[:3] if part.strip()]
    if request["call"] and request["kind"] != "question":  # elsewhere ``tool`` is no tool: a limit's name, a reason
        lines.append(f"  {line(request['tool'], 60)} {line(request['arguments'], 300)}")
    lines.append(f"  on screen: {url}/groups/{request['group']}")
    lines += [f"  {_command(request, choice, home)}" for choice in request["choices"]]
    return lines


def _command(request: dict[str, Any], choice: dict[str, Any], home: Path) -> str:
    words = ["clawgroups", "answer", request["id"], choice["id"]]
    option = _MORE.get(choice["needs"], ())
    told = [line(word, 60) for word in words]
    return f"{shlex.join(told)} {' '.join((*option, '--home', shlex.quote(str(home))))}   # {line(choice['label'], 60)}"
