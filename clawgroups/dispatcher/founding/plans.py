"""What a person asks for when they make a group."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from clawgroups.errors import Invalid
from clawgroups.group.state import Limits
from clawgroups.group.tools import Policy

MOST_LINES, LONGEST_LINE = 300, 4_000
PACE = 12
_MARK = re.compile(r"^\s*(?:[-*•+]|\d{1,4}[.)])\s+")


class NewGroup(Struct, frozen=True, kw_only=True):
    """A group to be made. Empty ``conductor``/``worker``: the template's or the installation's default.

    Of the survey: ``limit``, ``pace``; of a review: ``base``, ``head`` (empty: what is not committed), ``by``; of a
    swarm: ``sides``; of a list: ``lines``, ``at_once``.
    """

    name: str
    goal: str = ""
    rules: str = ""
    template: str = ""
    folder: str = ""
    folder_mode: str = "read"  # read | worktree
    conductor: str = ""
    worker: str = ""
    limit: int = 300
    pace: int | None = None
    base: str = ""
    head: str = ""
    by: Literal["file", "concern"] = "file"
    sides: int = 5
    lines: str = ""
    at_once: int = 8
    limits: Limits = Limits()
    policies: dict[str, Policy] = {}
    start: bool = False


def tasks_of(lines: str) -> list[str]:
    """The tasks of a list: its lines that say something, without the marks that lists are written with.

    Raises Invalid for more or longer ones than a list may have.
    """
    found = [_MARK.sub("", line, count=1).strip() for line in lines.splitlines()]
    tasks = [line for line in found if line]
    if len(tasks) > MOST_LINES:
        sentence = f"The list has {len(tasks):,} lines; at most {MOST_LINES} get a sub-agent each."
        raise Invalid(sentence, hint="Make several groups of it.", field="lines")
    long = next((number for number, line in enumerate(tasks, 1) if len(line) > LONGEST_LINE), 0)
    if long:
        sentence = f"Line {long} of the list is longer than {LONGEST_LINE:,} characters."
        raise Invalid(sentence, hint="Put it into a file of the folder and name the file.", field="lines")
    return tasks
