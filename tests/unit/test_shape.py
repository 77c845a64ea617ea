"""The repository tests its own shape: sizes, module docstrings, walls between rooms, words that must not be in it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from walls import floor_of, imports_of

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("clawgroups", "backend", "migrations", "benchmarks", "scripts", "tests")
    for path in (ROOT / folder).rglob("*.py")
)
LONGEST_FILE, LONGEST_FUNCTION, USUAL_FUNCTION = 400, 60, 30

# The floors of the house, from the ground up. A room may import only from rooms on lower floors, and its own.
FLOORS = (
    ("beneath", "errors", "ids", "listening", "memory", "settings", "tasks", "programs"),
    ("group",),
    ("ledger", "link"),
    ("dispatcher", "runner"),
    ("ui", "api"),
    ("server",),
    ("cli",),
)
OPEN_TO_ALL = {"testing", "__main__"}  # tests' helpers
STAND_ALONE = {"programs"}  # they are run by themselves, on the standard library alone
SPLIT = {("dispatcher", "runner"), ("runner", "dispatcher"), ("ui", "api"), ("api", "ui"), ("ledger", "link")}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_file_is_short_says_why_it_exists_and_has_no_long_function(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= LONGEST_FILE, "split it: one noun a file"
    if text.strip() and path.name != "__init__.py":
        assert ast.get_docstring(tree), "a module docstring says why the file exists"
    generated = path.parent.name == "versions"
    long = [f"{f.name} ({_length(f)})" for f in _functions(tree) if _length(f) > LONGEST_FUNCTION and not generated]
    assert not long, f"functions over {LONGEST_FUNCTION} lines: {long}"


def test_nearly_all_functions_are_of_usual_length() -> None:
    lengths = [
        _length(f) for path in SOURCES if "tests" not in path.parts for f in _functions(ast.parse(path.read_text()))
    ]
    long = sum(length > USUAL_FUNCTION for length in lengths)
    assert long / len(lengths) <= 0.05, f"{long} of {len(lengths)} functions are over {USUAL_FUNCTION} lines"


def _room(module: str) -> str:
    return module.split(".")[1] if module.count(".") else ""


def _broken_walls(room: str, imported: set[str]) -> list[str]:
    broken = []
    for module in sorted(imported):
        other = _room(module)
        if module.split(".")[0] == "backend":
            broken.append(f"{room} -> {module}")
        elif other in ("", room, "__version__") or room in OPEN_TO_ALL:
            continue
        elif (
            room in STAND_ALONE
            or floor_of(other, FLOORS) < 0
            or floor_of(other, FLOORS) > floor_of(room, FLOORS)
            or (room, other) in SPLIT
        ):
            broken.append(f"{room} -> {module}")
    return broken


def test_every_room_imports_only_what_lies_below_it() -> None:
    broken = []
    for path in sorted((ROOT / "clawgroups").rglob("*.py")):
        parts = path.relative_to(ROOT / "clawgroups").with_suffix("").parts
        if parts[0] not in ("__init__", *OPEN_TO_ALL):
            assert floor_of(parts[0], FLOORS) >= 0, f"{_name(path)}: a room that has no floor; see docs/architecture.md"
        broken += [f"{_name(path)}: {wall}" for wall in _broken_walls(parts[0], imports_of(path))]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("room", "module"),
    [
        ("dispatcher", "clawgroups.runner.seat"),
        ("runner", "clawgroups.dispatcher.desk"),
        ("group", "clawgroups.ledger.reader"),
        ("ledger", "clawgroups.dispatcher.desk"),
        ("server", "backend.plan"),
        ("errors", "clawgroups.group.state"),
    ],
)
def test_the_wall_test_sees_a_broken_wall(room: str, module: str) -> None:
    assert _broken_walls(room, {module}) == [f"{room} -> {module}"]


PURE = {"asyncio", "time", "datetime", "random", "os", "sqlalchemy", "httpx", "logging", "socket", "pathlib", "secrets"}


def test_the_rules_are_pure() -> None:
    for path in (ROOT / "clawgroups" / "group").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            impure = {name.split(".")[0] for name in names} & PURE
            assert not impure, f"{_name(path)} imports {impure}: rules know no I/O and no clock"


_SWALLOWED = re.compile(r"except[^\n]*:\s*(?:#[^\n]*)?\n\s*pass\b")
_BARE_TASK = re.compile(r"asyncio\.create_task\(")
_LOST_TASK = re.compile(r"^\s*asyncio\.create_task\(", re.MULTILINE)  # the backend keeps and awaits its few itself


def test_no_exception_is_swallowed_and_no_task_is_lost() -> None:
    for path in SOURCES:
        if "tests" not in path.parts:
            text = path.read_text()
            assert not _SWALLOWED.search(text), f"{_name(path)} swallows an exception"
            assert not _LOST_TASK.search(text), f"{_name(path)} starts a task that nobody keeps"
            if "backend" not in path.parts:
                assert not _BARE_TASK.search(text), (
                    f"{_name(path)}: use clawgroups.tasks.Tasks, which keeps and reports tasks"
                )


_HOSTS = "|".join(re.escape(".".join(parts)) for parts in (("pypi", "org"), ("registry", "npmjs"), ("deb", "debian")))
_PLACES = "|".join(f"/{name}/" for name in ("work", "root"))
_STRAY = re.compile(f"({_PLACES}|{_HOSTS}|{'hosted'.join(('python', ''))})", re.IGNORECASE)


def test_the_repository_names_no_machine_and_no_package_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".woff2"}:
            found = _STRAY.search(path.read_text(errors="replace"))
            assert not found, f"{name} holds {found and found.group(0)!r}"


def test_every_document_that_contributors_are_promised_exists() -> None:
    promised = "README.md LICENSE CHANGELOG.md CONTRIBUTING.md Makefile .ci/run"
    docs = "architecture states api cli programs"
    for name in [*promised.split(), *(f"docs/{doc}.md" for doc in docs.split())]:
        path = ROOT / name
        assert path.is_file(), name
        assert path.stat().st_size > 50, f"{name} is empty"
    assert len((ROOT / "docs" / "architecture.md").read_text().splitlines()) <= 100
