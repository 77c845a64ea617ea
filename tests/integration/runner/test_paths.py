"""No path, link or swap leads outside of the workspace, and nothing that lies there makes a tool wait."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawgroups.errors import ToolError
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import probe
from clawgroups.runner.tools.base import ToolContext
from clawgroups.runner.tools.edits import _write
from clawgroups.runner.tools.text import read_text
from clawgroups.runner.tools.toolbox import Toolbox
from clawgroups.runner.workspace import Workspace

SECRET = f"secret-{secrets.token_hex(8)}"


class Land:
    """A workspace, a source and what lies outside of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outside = folder / "outside"
        self.workspace = Workspace(folder / "ws", folder / "mine")
        for path in (self.outside, folder / "ws" / "sub", folder / "mine" / "sub"):
            path.mkdir(parents=True)
        for path in (self.outside / "file", folder / "file"):
            path.write_text(SECRET)
        for path in (folder / "mine" / "file", folder / "ws" / "file", folder / "ws" / "sub" / "file"):
            path.write_text("inside")

    def others(self) -> dict[str, str]:
        """Everything outside of the workspace, by path."""
        found = {}
        for top in (self.outside, self.folder / "mine"):
            for path in top.rglob("*"):
                found[str(path)] = (
                    path.read_text() if path.is_file() and not path.is_symlink() else str(path.is_symlink())
                )
        return found


@pytest.fixture
def land(tmp_path: Path) -> Land:
    return Land(tmp_path)


NAMES = st.sampled_from(
    [
        "sub",
        "file",
        "source",
        "..",
        ".",
        "",
        "link",
        "loop",
        "\0",
        "~",
        "a" * 300,
        "/",
        "ws",
        ".git",
        "é",
        "\ud800",
        "%2e%2e",
    ]
)
PATHS = st.one_of(
    st.lists(NAMES, min_size=1, max_size=6).map("/".join),
    st.text(max_size=40),
    st.sampled_from(["/etc/passwd", "/ws/../../etc/passwd", "//etc/passwd", "source/../../outside/file", "\\..\\x"]),
)
TARGETS = st.sampled_from(
    [
        "/etc",
        "/etc/passwd",
        "..",
        "../..",
        "../outside",
        "../outside/file",
        "loop",
        "link",
        "sub",
        "../mine/file",
        "/",
        ".",
    ]
)


@settings(max_examples=250, deadline=None)
@given(path=PATHS, link=TARGETS, where=st.sampled_from(["link", "sub/link", "loop", "source"]), mine=TARGETS)
def test_no_path_with_any_links_reads_or_writes_outside(path: str, link: str, where: str, mine: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        land = Land(Path(folder))
        os.symlink(link, land.folder / "ws" / where)
        os.symlink(mine, land.folder / "mine" / "link")
        before = land.others()
        for work in (lambda: read_text(land.workspace, path), lambda: _write(land.workspace, path, b"written")):
            try:
                said = work()
            except ToolError:
                continue
            assert said is None or SECRET not in said
            assert said is None or "root:" not in said
        assert land.others() == before


def test_a_folder_that_is_swapped_for_a_link_again_and_again_never_leads_outside(land: Land) -> None:
    sub, kept = land.folder / "ws" / "sub", land.folder / "ws" / "kept"
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            try:
                if kept.exists():  # a write has made the folder anew in between
                    sub.unlink() if sub.is_symlink() else shutil.rmtree(sub, ignore_errors=True)
                else:
                    sub.rename(kept)
                    os.symlink(land.outside, sub)
                    sub.unlink()
                kept.rename(sub)
            except OSError:
                continue  # the writer was faster; once more

    swapping = threading.Thread(target=swap)
    swapping.start()
    reads = writes = 0
    try:
        for _ in range(3_000):
            try:
                assert read_text(land.workspace, "sub/file") != SECRET
                reads += 1
            except ToolError:
                pass
            try:
                _write(land.workspace, "sub/new", b"x")
                writes += 1
            except ToolError:
                pass
    finally:
        done.set()
        swapping.join()
    assert reads
    assert writes
    assert sorted(path.name for path in land.outside.iterdir()) == ["file"]
    assert (land.outside / "file").read_text() == SECRET


@pytest.fixture
def odd(land: Land) -> Iterator[ToolContext]:
    root = land.folder / "ws"
    os.mkfifo(root / "pipe")
    os.symlink("pipe", root / "to-pipe")
    os.symlink("/dev/zero", root / "zero")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(root, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
        if os.getuid() == 0:
            os.mknod(root / "device", 0o666 | 0o020000, os.makedev(1, 5))
        yield ToolContext(land.workspace, Reaper(), "t.1")


@pytest.mark.parametrize("name", ["pipe", "to-pipe", "zero", "socket", "device", "sub"])
async def test_pipes_sockets_devices_and_folders_are_refused_at_once(odd: ToolContext, name: str) -> None:
    tools = Toolbox(probe())
    calls = {
        "read_file": {}, "measure_file": {}, "write_file": {"content": "x"}, "edit_file": {"old": "a", "new": "b"},
    }  # fmt: skip
    for tool, more in calls.items():
        result = await tools.call(tool, json.dumps({"path": name, **more}), odd)
        assert not result.ok, (tool, result.content)
    for tool, arguments in (("list_files", {"recursive": True}), ("search_files", {"text": "inside"})):
        assert (await tools.call(tool, json.dumps(arguments), odd)).ok


async def test_no_tool_changes_the_source(land: Land) -> None:
    tools, context = Toolbox(probe()), ToolContext(land.workspace, Reaper(), "t.1")
    os.symlink("../mine", land.folder / "ws" / "link")
    before = land.others()
    for path in ("source/file", "source/new", "source", "link/file", "/ws/source/file"):
        assert not (await tools.call("write_file", json.dumps({"path": path, "content": "x"}), context)).ok
        edit = {"path": path, "old": "inside", "new": "x"}
        assert not (await tools.call("edit_file", json.dumps(edit), context)).ok
    command = "rm -rf source/* link/*; echo x > source/file; chmod 777 source/file; touch source/new; mv source/file ."
    await tools.call("run_command", json.dumps({"command": command}), context)
    assert land.others() == before


async def test_git_folders_are_not_written(land: Land) -> None:
    shutil.copytree(land.folder / "ws" / "sub", land.folder / "ws" / ".git")
    context = ToolContext(land.workspace, Reaper(), "t.1")
    for path in (".git/hooks/post-checkout", ".git", "sub/.git/config"):
        call = await Toolbox(probe()).call("write_file", json.dumps({"path": path, "content": "x"}), context)
        assert "may not be written" in call.content
