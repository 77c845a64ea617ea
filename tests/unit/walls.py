"""What the tests of walls need: what a file imports, and on which floor a room lies."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

OURS = ("clawgroups", "backend")


def imports_of(path: Path) -> set[str]:
    """Modules of ours that a file imports, and what it takes out of them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] in OURS}


def floor_of(room: str, floors: Sequence[Sequence[str]]) -> int:
    """The number of a room's floor, from the ground up; -1 for one that has none."""
    return next((number for number, rooms in enumerate(floors) if room in rooms), -1)
