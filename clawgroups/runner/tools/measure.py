"""A tool that measures a file: size, language, what it defines and imports, marks, headings, longest line."""

from __future__ import annotations

import ast
import json
import re
import threading
import warnings
from pathlib import PurePosixPath
from typing import Any

from pydantic import Field

from clawgroups.runner.tools.base import Arguments, ToolContext, ToolResult, describe
from clawgroups.runner.tools.text import lines_of, read_bytes
from clawgroups.runner.tools.threads import in_thread
from clawgroups.runner.workspace import Workspace

MOST_NAMES = 60
MOST_MARKS = 40
MOST_PARSED = 256 * 1024  # bytes of Python; the parser lets nothing else run meanwhile
_PARSING = threading.Lock()
LANGUAGES = {
    ".py": "Python", ".pyi": "Python", ".js": "JavaScript", ".mjs": "JavaScript", ".jsx": "JavaScript",
    ".ts": "TypeScript", ".tsx": "TypeScript", ".c": "C", ".h": "C", ".cc": "C++", ".cpp": "C++", ".hpp": "C++",
    ".rs": "Rust", ".go": "Go", ".java": "Java", ".kt": "Kotlin", ".rb": "Ruby", ".php": "PHP", ".cs": "C#",
    ".swift": "Swift", ".sh": "Shell", ".bash": "Shell", ".sql": "SQL", ".html": "HTML", ".css": "CSS",
    ".scss": "CSS", ".md": "Markdown", ".rst": "reStructuredText", ".txt": "Text", ".json": "JSON",
    ".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", ".ini": "INI", ".cfg": "INI", ".xml": "XML",
    ".svg": "SVG", ".mako": "Mako", ".lua": "Lua", ".r": "R", ".jl": "Julia", ".ipynb": "Notebook",
}  # fmt: skip
_NAMES = {"Makefile": "Make", "Dockerfile": "Docker", "LICENSE": "Text", ".gitignore": "Git", "run": "Shell"}
_SHEBANG = re.compile(r"^#!.*?\b(python|bash|sh|node|perl|ruby)\d?")
_SHEBANGS = {"python": "Python", "bash": "Shell", "sh": "Shell", "node": "JavaScript", "perl": "Perl", "ruby": "Ruby"}
_MARK = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b[:\s]?(.{0,120})")
_HEADING = re.compile(r"^(#{1,6})\s+(.{1,120})")
_FUNCTION = re.compile(
    r"^\s*(?:export\s+)?(?:default\s+)?(?:pub\s+)?(?:async\s+)?(?:function\*?|fn|func|def|sub)\s+(?:\([^)]{0,80}\)\s*)?(\w{1,80})"
)
_CLASS = re.compile(
    r"^\s*(?:export\s+)?(?:default\s+)?(?:pub\s+)?(?:abstract\s+)?(?:class|struct|interface|enum|trait)\s+(\w{1,80})"
)
_IMPORT = re.compile(
    r"^\s*(?:import\s.{0,200}?from\s+['\"]([^'\"]{1,120})|#include\s+[<\"]([^>\"]{1,120})|use\s+([\w:]{1,120})|"
    r"import\s+['\"]?([\w./@-]{1,120})|require\(['\"]([^'\"]{1,120}))"
)


class MeasureArguments(Arguments):
    """Arguments of measure_file."""

    path: str = Field(description="The file")


class MeasureFile:
    """Measures one file; the result is a JSON object."""

    arguments = MeasureArguments
    spec = describe(
        "measure_file",
        "Measure a text file: bytes, lines, language, functions, classes, imports, TODO marks, headings, longest "
        "line. The result is a JSON object.",
        MeasureArguments,
        safe=True,
    )

    async def run(self, arguments: MeasureArguments, context: ToolContext) -> ToolResult:
        measures = await in_thread(_measure, context.workspace, arguments.path)
        return ToolResult(json.dumps(measures, ensure_ascii=False))


def _measure(workspace: Workspace, path: str) -> dict[str, Any]:
    return measure(path, read_bytes(workspace, path))


def measure(path: str, data: bytes) -> dict[str, Any]:
    """All measures of one file's bytes. Line numbers count from 1; lengths are in characters."""
    text = data.decode("utf-8-sig", "replace")
    lines = lines_of(text)
    language = language_of(path, lines[0] if lines else "")
    longest = max(range(len(lines)), key=lambda i: len(lines[i]), default=0)
    found: dict[str, Any] = {
        "path": path,
        "language": language,
        "bytes": len(data),
        "lines": len(lines),
        "blank": sum(not line.strip() for line in lines),
        "longest_line": {"line": longest + 1 if lines else 0, "length": len(lines[longest]) if lines else 0},
        "marks": _marks(lines),
        "headings": _headings(lines) if language == "Markdown" else [],
    }
    return found | (_python(data, lines) if language == "Python" else _other(lines))


def language_of(path: str, first_line: str) -> str:
    """By the file's name, else by its first line."""
    pure = PurePosixPath(path)
    known = LANGUAGES.get(pure.suffix.lower()) or _NAMES.get(pure.name)
    if known:
        return known
    shebang = _SHEBANG.match(first_line[:200])
    return _SHEBANGS[shebang.group(1)] if shebang else "Other"


def _marks(lines: list[str]) -> list[dict[str, Any]]:
    marks = []
    for number, line in enumerate(lines, 1):
        found = _MARK.search(line[:500])
        if found:
            marks.append({"line": number, "mark": found.group(1), "text": found.group(2).strip(" :#*/->")})
    return marks[:MOST_MARKS]


def _headings(lines: list[str]) -> list[dict[str, Any]]:
    found, fenced = [], False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading:
            found.append({"line": number, "level": len(heading.group(1)), "text": heading.group(2).strip()})
    return found[:MOST_NAMES]


def _python(data: bytes, lines: list[str]) -> dict[str, Any]:
    """By Python's own parser, from the bytes, as a coding line and a byte order mark want it."""
    if len(data) > MOST_PARSED:
        return _other(lines) | {"problem": f"is larger than {MOST_PARSED:,} bytes and was read line by line"}
    try:
        # NOTE: one at a time. In CPython 3.11 the making of a tree counts its depth in one place for all threads and
        # fails with a SystemError where a garbage collection lets another one in between; the filters are shared too.
        with _PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in somebody's file are not our affair
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return _other(lines) | {"problem": f"does not parse: {str(error)[:120] or 'nested too deeply'}"}
    functions: list[tuple[int, str]] = []
    classes: list[tuple[int, str]] = []
    imports: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                functions.append((node.lineno, node.name))
            case ast.ClassDef():
                classes.append((node.lineno, node.name))
            case ast.Import():
                imports.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                imports.add("." * node.level + (node.module or ""))
    names = [name for _, name in sorted(functions)], [name for _, name in sorted(classes)]
    return _defined(*names, imports, doc=(ast.get_docstring(tree) or "").split("\n\n", 1)[0][:300])


def _defined(functions: list[str], classes: list[str], imports: set[str], doc: str = "") -> dict[str, Any]:
    return {
        "functions": [name[:80] for name in functions[:MOST_NAMES]],
        "function_count": len(functions),
        "classes": [name[:80] for name in classes[:MOST_NAMES]],
        "class_count": len(classes),
        "imports": [name[:120] for name in sorted(imports)[:MOST_NAMES]],
        "doc": doc,
    }


def _other(lines: list[str]) -> dict[str, Any]:
    functions: list[str] = []
    classes: list[str] = []
    imports: set[str] = set()
    for line in (line[:500] for line in lines):
        if found := _FUNCTION.match(line):
            functions.append(found.group(1))
        elif found := _CLASS.match(line):
            classes.append(found.group(1))
        elif found := _IMPORT.match(line):
            imports.add(next(group for group in found.groups() if group))
    return _defined(functions, classes, imports)
