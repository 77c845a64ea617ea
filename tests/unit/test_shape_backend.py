"""The walls of the backend: a program of its own whose rooms import only what lies below, torch only to compute."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from walls import floor_of, imports_of

ROOT = Path(__file__).parents[2]
BACKEND = ROOT / "backend"

# From the ground up. A room may import only from rooms on lower floors, and its own.
FLOORS = (
    ("errors",),
    ("checkpoint",),
    ("planner", "text", "engine"),
    ("supervisor", "quantize", "tiny", "control"),
    ("api",),
    ("serving",),
    ("cli",),
)
OPEN = {"testing", "__main__", "__init__"}
APART = {"sglang_cpu"}  # it runs inside SGLang, in an environment that has nothing of ours
WITHOUT_TORCH = (
    "errors",
    "checkpoint.config",
    "checkpoint.index",
    "planner",
    "text",
    "supervisor",
    "control",
    "cli.app",
)


def _broken(room: str, imported: set[str]) -> list[str]:
    """The imports of a room that go through a wall."""
    broken = []
    for module in sorted(imported):
        parts = module.split(".")
        if parts[0] == "clawgroups":
            broken.append(module)
        elif parts[0] == "backend" and len(parts) > 1 and parts[1] not in (room, "__version__") and room not in OPEN:
            other = floor_of(parts[1], FLOORS)
            if room in APART or other < 0 or other >= floor_of(room, FLOORS):
                broken.append(module)
    return broken


def test_every_room_imports_only_what_lies_below_it() -> None:
    broken = []
    for path in sorted(BACKEND.rglob("*.py")):
        room = path.relative_to(BACKEND).with_suffix("").parts[0]
        assert room in OPEN | APART or floor_of(room, FLOORS) >= 0, f"{path}: a room that has no floor"
        broken += [f"{path.relative_to(ROOT)}: {module}" for module in _broken(room, imports_of(path))]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("room", "module"),
    [
        ("engine", "clawgroups.errors"),
        ("testing", "clawgroups"),
        ("checkpoint", "backend.engine.request"),
        ("planner", "backend.text.tokenizer"),
        ("sglang_cpu", "backend.errors"),
    ],
)
def test_the_wall_test_sees_a_broken_wall(room: str, module: str) -> None:
    assert _broken(room, {module}) == [module]


@pytest.mark.parametrize("room", WITHOUT_TORCH)
def test_what_plans_and_supervises_needs_no_torch(room: str) -> None:
    """On a server whose SGLang has an environment of its own there is none in ours."""
    names = [f"backend.{room}"]
    folder = BACKEND.joinpath(*room.split("."))
    names += [f"backend.{room}.{path.stem}" for path in sorted(folder.glob("*.py"))] if folder.is_dir() else []
    code = f"import sys, importlib\nsys.modules['torch'] = None\nfor name in {names!r}: importlib.import_module(name)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
