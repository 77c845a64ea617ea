"""Each tool by its table: good and bad arguments, odd encodings, large files, and promises such as "safe"."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import probe
from clawgroups.runner.tools.base import ToolContext, ToolResult
from clawgroups.runner.tools.files import quoted
from clawgroups.runner.tools.measure import MOST_PARSED, measure
from clawgroups.runner.tools.toolbox import MOST_CONTENT, Toolbox
from clawgroups.runner.workspace import Workspace

REPOSITORY = Path(__file__).parents[3]
TOOLS = Toolbox(probe())


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    (tmp_path / "ws").mkdir()
    return ToolContext(Workspace(tmp_path / "ws"), Reaper(), "t.1")


async def call(context: ToolContext, tool: str, **arguments: object) -> ToolResult:
    return await TOOLS.call(tool, json.dumps(arguments), context)


BAD = [
    ("nothing", "{}", "There is no tool 'nothing'. There are: list_files"),
    ("read_file", "{", "The arguments are not JSON"),
    ("read_file", "[" * 100_000, "The arguments are not JSON"),
    ("read_file", "1" * 5_000, "The arguments are not JSON"),
    ("read_file", "[]", "valid dictionary"),
    ("read_file", "null", "valid dictionary"),
    ("read_file", "", "path: Field required. It takes: path, offset (optional), limit (optional)."),
    ("read_file", '{"path": 5}', "path: Input should be a valid string"),
    ("read_file", '{"path": "a", "offset": 0}', "offset: Input should be greater than or equal to 1"),
    ("read_file", '{"path": "a", "huh": 1}', "huh: Extra inputs are not permitted"),
    ("read_file", '{"path": "\\ud800"}', "not valid Unicode"),
    ("read_file", '{"path": "none"}', "There is no file none."),
    ("read_file", '{"path": "."}', ". is a folder"),
    ("list_files", '{"path": "none"}', "There is no folder none."),
    ("list_files", '{"limit": 0}', "limit:"),
    ("search_files", '{"text": ""}', "text:"),
    ("search_files", '{"text": "x", "path": "none"}', "There is no folder none."),
    ("measure_file", '{"path": "none"}', "There is no file none."),
    ("write_file", '{"path": "a"}', "content: Field required"),
    ("write_file", '{"path": ".", "content": ""}', "may not be written"),
    ("edit_file", '{"path": "none", "old": "a", "new": "b"}', "There is no file none."),
    ("edit_file", '{"path": "none", "old": "", "new": "b"}', "old:"),
    ("run_command", '{"command": ""}', "command:"),
    ("run_command", '{"command": "x", "timeout_s": 601}', "timeout_s:"),
]


@pytest.mark.parametrize(("tool", "arguments", "words"), BAD)
async def test_bad_arguments_are_answered_with_what_is_wrong(
    context: ToolContext, tool: str, arguments: str, words: str
) -> None:
    result = await TOOLS.call(tool, arguments, context)
    assert not result.ok
    assert words in result.content
    result.content.encode()


async def test_reading_parts_of_files_of_any_size_and_encoding(context: ToolContext) -> None:
    root = context.workspace.root
    (root / "big").write_bytes(b"".join(b"line %d\n" % n for n in range(1, 4_500_001)))
    assert (root / "big").stat().st_size > 50_000_000
    said = await call(context, "read_file", path="big", offset=4_000_000, limit=2)
    assert said.content == "line 4000000\nline 4000001\n(lines 4000000 to 4000001 of 4,500,000)"
    (root / "latin").write_bytes("gr\xfc\xdfe".encode("latin-1"))
    assert (await call(context, "read_file", path="latin")).content == "gr\ufffd\ufffde"
    (root / "crlf").write_bytes(b"\xef\xbb\xbfa\r\nb\x0bc\r\n")
    assert (await call(context, "read_file", path="crlf")).content == "a\nb\x0bc"
    (root / "long").write_text("x" * 5_000_000)
    assert len((await call(context, "read_file", path="long")).content) < 31_000
    (root / "nul").write_bytes(b"a\0b")
    assert "binary file of 3 bytes" in (await call(context, "read_file", path="nul")).content
    (root / "empty").write_text("")
    assert (await call(context, "read_file", path="empty")).content == ""
    assert (await call(context, "read_file", path="crlf", offset=9)).content == "(the file has only 2 lines)"


async def test_listing_ten_thousand_files_is_bounded_and_counts_the_rest(context: ToolContext) -> None:
    root = context.workspace.root
    for number in range(10_000):
        (root / f"f{number:05}").touch()
    said = (await call(context, "list_files", recursive=True)).content
    lines = said.splitlines()
    assert len(lines) == 2_001
    assert lines[0] == "0\tf00000"
    assert lines[-1].startswith("(8000 more entries;")
    few = (await call(context, "list_files", pattern="*0000")).content
    assert few == "0\tf00000"


async def test_a_listing_of_long_names_is_cut_between_lines_and_not_in_them(context: ToolContext) -> None:
    deep = context.workspace.root / ("d" * 200)
    deep.mkdir()
    for number in range(600):
        (deep / f"{number:04}{'x' * 200}").touch()
    lines = (await call(context, "list_files", recursive=True)).content.splitlines()
    assert all(line.endswith("x" * 200) for line in lines[:-1])
    assert int(lines[-1].removeprefix("(").split()[0]) == 600 - len(lines) + 1


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1))
@settings(max_examples=200)
def test_every_name_stands_on_one_line_and_can_be_read_back(name: str) -> None:
    line = quoted(name)
    assert len(line.splitlines()) <= 1
    assert (json.loads(line) if line.startswith('"') else line) == name


async def test_odd_names_are_listed_so_that_they_can_be_used(context: ToolContext) -> None:
    root = os.fsencode(context.workspace.root)
    for name in (b"new\nline", b"\xff", b'"q"', "é".encode()):
        os.close(os.open(os.path.join(root, name), os.O_CREAT | os.O_WRONLY))
    lines = (await call(context, "list_files")).content.splitlines()
    assert sorted(lines) == ['0\t"\\"q\\""', '0\t"\\udcff"', '0\t"new\\nline"', "0\té"]


async def test_a_search_looks_into_large_files_and_is_bounded(context: ToolContext) -> None:
    root = context.workspace.root
    (root / "big").write_text("x\n" * 2_000_000 + "Needle here\n")
    (root / "bin").write_bytes(b"\0Needle")
    assert (await call(context, "search_files", text="Needle")).content == "big:2000001: Needle here"
    assert "Nothing found" in (await call(context, "search_files", text="needle")).content
    assert "big:" in (await call(context, "search_files", text="needle", ignore_case=True, path="big")).content
    many = (await call(context, "search_files", text="x", pattern="b*")).content
    assert many.endswith("(more than 200 matches; narrow the search)")


async def test_an_edit_happens_exactly_once_and_leaves_all_other_bytes_alone(context: ToolContext) -> None:
    path = context.workspace.root / "f"
    path.write_bytes(b"one\r\ntwo\r\n\xff three\n")
    path.chmod(0o755)
    assert (await call(context, "edit_file", path="f", old="one\ntwo", new="1\n2")).ok
    assert path.read_bytes() == b"1\r\n2\r\n\xff three\n"
    assert path.stat().st_mode & 0o777 == 0o755
    path.write_text("aXaXa")
    assert "more than once" in (await call(context, "edit_file", path="f", old="aXa", new="b")).content
    assert "not in f" in (await call(context, "edit_file", path="f", old="zzz", new="b")).content
    assert path.read_text() == "aXaXa"


async def test_edits_of_one_file_at_the_same_time_all_count(context: ToolContext) -> None:
    path = context.workspace.root / "f"
    path.write_text("".join(f"<{n}>" for n in range(40)))
    edits = (call(context, "edit_file", path="f", old=f"<{n}>", new=f"[{n}]") for n in range(40))
    assert all(result.ok for result in await asyncio.gather(*edits))
    assert path.read_text() == "".join(f"[{n}]" for n in range(40))


async def test_a_write_is_all_or_nothing_and_leaves_no_parts(context: ToolContext) -> None:
    root = context.workspace.root
    assert (
        await call(context, "write_file", path="a/b/c.txt", content="x\ny\n")
    ).content == "Wrote a/b/c.txt (2 lines)."
    (root / "link").symlink_to("a/b/c.txt")
    assert (await call(context, "write_file", path="link", content="z")).ok
    assert (root / "a/b/c.txt").read_text() == "z"
    assert (root / "link").is_symlink()
    assert not (await call(context, "write_file", path="a/b/c.txt/d", content="x")).ok
    assert "cannot be written" in (await call(context, "write_file", path="n" * 256, content="x")).content
    assert [path.name for path in root.rglob(".part-*")] == []


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_files", {"recursive": True}), ("read_file", {"path": "f"}), ("search_files", {"text": "o"}),
        ("measure_file", {"path": "f"}), ("write_file", {"path": "f", "content": "new\n"}),
    ],
)  # fmt: skip
async def test_what_is_declared_safe_gives_the_same_twice(
    context: ToolContext, tool: str, arguments: dict[str, object]
) -> None:
    (context.workspace.root / "f").write_text("old\n")
    spec = TOOLS.spec(tool)
    assert spec is not None
    assert spec.safe
    first = await call(context, tool, **arguments)
    after = (context.workspace.root / "f").read_text()
    assert await call(context, tool, **arguments) == first
    assert (context.workspace.root / "f").read_text() == after


def test_tools_that_are_not_repeatable_do_not_say_so() -> None:
    assert {spec.name for spec in TOOLS.specs if not spec.safe} == {"edit_file", "run_command"}
    assert {spec.name for spec in TOOLS.specs if spec.writes} == {"write_file", "edit_file", "run_command"}


async def test_every_file_of_this_repository_is_measured_rightly(context: ToolContext) -> None:
    space = ToolContext(Workspace(context.workspace.root, REPOSITORY), Reaper(), "t.1")
    seen = 0
    for path in sorted(REPOSITORY.glob("clawgroups/**/*.*")):
        if "__pycache__" in path.parts or path.suffix in (".pyc", ".png", ".woff2"):
            continue
        result = await call(space, "measure_file", path=f"source/{path.relative_to(REPOSITORY).as_posix()}")
        assert result.ok, (path, result.content)
        measures = json.loads(result.content)
        data = path.read_bytes()
        assert measures["bytes"] == len(data)
        assert measures["lines"] == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        if path.suffix == ".py":
            assert "problem" not in measures
            defined = [line.split("#")[0].strip() for line in data.decode().splitlines()]
            assert measures["class_count"] <= sum(line.startswith("class ") for line in defined)
        seen += 1
    assert seen > 60


HOSTILE = {
    "deep": b"x = " + b"(" * 5_000,
    "chain": b"a" + b".a" * 100_000,
    "minus": b"-" * 100_000 + b"1",
    "many names": b"".join(b"def %s%d(): pass\n" % (b"n" * 3_000, n) for n in range(60)),
    "bom and latin": b"# -*- coding: latin-1 -*-\nx = '\xff'\n",
    "bom": b"\xef\xbb\xbfdef f(): pass\n",
    "form feed": b"a = 1\n\x0c\ndef f(): pass\n",
    "large": b"x = 1\n" * (MOST_PARSED // 5),
    "bad escape": b"x = '\\d'\n",
    "nothing": b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_python_is_measured_and_breaks_nothing(what: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measures = measure("x.py", HOSTILE[what])
    assert measures["lines"] == HOSTILE[what].count(b"\n") + bool(HOSTILE[what] and HOSTILE[what][-1:] != b"\n")
    assert len(json.dumps(measures)) < MOST_CONTENT
    assert ("problem" in measures) == (what in ("deep", "chain", "minus", "large"))
    if what in ("bom", "form feed"):
        assert measures["functions"] == ["f"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.py", "b.js", "c.md", "d", "e.rs"]))
def test_any_bytes_can_be_measured(data: bytes, name: str) -> None:
    measures = measure(name, data)
    assert measures["bytes"] == len(data)
    json.dumps(measures).encode()


class Littering:
    """Garbage whose end lets another thread run in between."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        for _ in range(200):
            pass


def test_many_files_are_measured_at_once_while_garbage_is_collected() -> None:
    files = [path.read_bytes() for path in sorted(REPOSITORY.glob("clawgroups/runner/**/*.py"))]

    def one(data: bytes) -> dict[str, Any]:
        litter = [Littering() for _ in range(20)]
        assert litter
        return measure("x.py", data)

    before, switching = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(100, 1, 1)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(one, files * 3))
    finally:
        gc.set_threshold(*before)
        sys.setswitchinterval(switching)
    assert [measures.get("problem") for measures in found] == [None] * len(found)
