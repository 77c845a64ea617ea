"""Workspaces and snapshots with a real git: restored byte for byte, whatever lies in them."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from clawgroups.errors import ToolError
from clawgroups.link.messages import WorkPlace
from clawgroups.runner.snapshots import EMPTY_TREE, Snapshots
from clawgroups.runner.workspace import Workspace, prepare


def run_git(*args: str, cwd: Path) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b"}
    env |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    return subprocess.run(["git", *args], cwd=cwd, env=env, check=True, capture_output=True, text=True).stdout


def contents(root: Path) -> dict[bytes, tuple[object, ...]]:
    found: dict[bytes, tuple[object, ...]] = {}
    for folder, names, files in os.walk(os.fsencode(root)):
        names[:] = [name for name in names if name != b".git"]
        for name in {*files, *names} - {b".git"}:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                found[path[len(str(root)) :]] = ("link", os.readlink(path))
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[path[len(str(root)) :]] = ("file", file.read(), os.access(path, os.X_OK))
    return found


@pytest.fixture
def shots(tmp_path: Path) -> Snapshots:
    root = tmp_path / "g" / "agents" / "g-1"
    root.mkdir(parents=True)
    return Snapshots(tmp_path / "g" / "snapshots.git", root)


def fill(root: Path) -> None:
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "crlf.txt").write_bytes(b"a\r\nb\r\n")
    (root / ".gitattributes").write_text("* text=auto eol=crlf ident\n*.bin filter=lfs\n")
    (root / ".gitignore").write_text("ignored\n*.log\n")
    (root / "ignored").write_text("kept all the same")
    (root / "x.bin").write_bytes(b"\0\xff$Id$")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    for name in (
        b"a b",
        b"new\nline",
        b"*",
        b":(top)x",
        b"-rf",
        b'"q"',
        b"back\\slash",
        b"bad\xff",
        "é".encode(),
        b"git~1",
    ):
        with open(os.path.join(os.fsencode(root), b"sub", name), "wb") as file:
            file.write(name)
    os.symlink("/etc", root / "to-etc")
    os.symlink("crlf.txt", root / "sub" / "to-file")
    os.mkfifo(root / "pipe")
    run_git("init", "-q", str(root / "nested"), cwd=root)
    (root / "nested" / "inner.txt").write_text("in a repository of its own")


async def test_what_was_is_restored_byte_for_byte_in_place_and_elsewhere(shots: Snapshots, tmp_path: Path) -> None:
    root = shots._root
    fill(root)
    before = contents(root)
    tree = await shots.take()
    (root / "run.sh").chmod(0o644)
    (root / "crlf.txt").unlink()
    (root / "crlf.txt").mkdir()
    (root / "crlf.txt" / "inner").write_text("x")
    (root / "sub" / "a b").write_text("changed")
    (root / "new").write_text("new")
    os.unlink(root / "to-etc")
    files, diff = await shots.changes(tree)
    status = {file["path"]: file["status"] for file in files}
    assert status["crlf.txt"] == "deleted"
    assert (status["run.sh"], status["new"], status["to-etc"], status["sub/a b"]) == (
        "changed", "added", "deleted", "changed",
    )  # fmt: skip
    assert "+changed" in diff
    await shots.restore(tree)
    assert contents(root) == before
    assert await shots.take() == tree
    other = tmp_path / "g" / "agents" / "g-2"
    other.mkdir()
    (other / "stays not").write_text("x")
    await Snapshots(shots._store, other).restore(tree)
    assert contents(other) == before


async def test_an_empty_workspace_and_its_first_file(shots: Snapshots) -> None:
    assert await shots.take() == EMPTY_TREE
    (shots._root / "a").write_text("x\n")
    files, diff = await shots.changes("")
    assert files == [{"path": "a", "status": "added"}]
    assert "+x" in diff
    tree = await shots.take()
    await shots.restore(EMPTY_TREE)
    assert contents(shots._root) == {}
    files, _ = await shots.changes(tree)
    assert files == [{"path": "a", "status": "deleted"}]


async def test_huge_files_are_left_out_and_left_alone(shots: Snapshots) -> None:
    (shots._root / "huge").write_bytes(b"x" * 6_000_000)
    (shots._root / "small").write_text("x")
    tree = await shots.take()
    (shots._root / "small").unlink()
    await shots.restore(tree)
    assert sorted(path.name for path in shots._root.iterdir()) == ["huge", "small"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clawgroups.runner.snapshots.MOST_FILES", 0)
        with pytest.raises(ToolError, match="more than 0 files"):
            await shots.take()


async def test_many_sub_agents_snapshot_at_once_and_twice_the_same_one(shots: Snapshots, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / "g" / "agents" / f"n-{number}").mkdir()
        (tmp_path / "g" / "agents" / f"n-{number}" / "f").write_text(str(number))
    every = [Snapshots(shots._store, tmp_path / "g" / "agents" / f"n-{n}") for n in range(20) for _ in range(2)]
    trees = await asyncio.gather(*(each.take() for each in every))
    assert len(set(trees)) == 20
    assert not list((tmp_path / "g").glob("snapshots.git-*"))


async def test_a_lock_that_a_killed_git_left_does_not_matter(shots: Snapshots) -> None:
    (shots._root / "a").write_text("x")
    tree = await shots.take()
    (shots._store / f"index-{shots._root.name}.lock").touch()
    assert await shots.take() == tree


def place(tmp_path: Path, agent: str, **fields: str) -> WorkPlace:
    group = tmp_path / "home" / "work" / "g"
    return WorkPlace(root=str(group / "agents" / agent), snapshots=str(group / "snapshots.git"), **fields)


async def made(where: WorkPlace) -> Workspace:
    return await prepare(where, Snapshots(Path(where.snapshots), Path(where.root)))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    run_git("init", "-q", cwd=folder)
    (folder / "a.txt").write_text("committed\n")
    (folder / "gone.txt").write_text("x\n")
    run_git("add", ".", cwd=folder)
    run_git("commit", "-qm", "one", cwd=folder)
    (folder / "a.txt").write_text("dirty\n")
    (folder / "untracked").write_text("mine\n")
    hook = folder / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
    hook.chmod(0o755)
    return folder


async def test_each_sub_agent_gets_a_worktree_of_its_own_and_the_persons_tree_stays_as_it_was(
    repository: Path, tmp_path: Path
) -> None:
    before = (contents(repository), run_git("status", "--porcelain", cwd=repository))
    places = [place(tmp_path, f"g-{n}", repository=str(repository)) for n in range(6)]
    spaces = await asyncio.gather(*(made(where) for where in places))
    for number, space in enumerate(spaces):
        assert (space.root / "a.txt").read_text() == "committed\n"
        (space.root / "own").write_text(str(number))
        assert run_git("branch", "--show-current", cwd=space.root) == f"claw/g-{number}\n"
    again = await made(places[2])
    assert (again.root / "own").read_text() == "2"
    assert (contents(repository), run_git("status", "--porcelain", cwd=repository)) == before
    assert not (tmp_path / "hook-ran").exists()


async def test_a_worktree_that_was_only_half_made_is_made_again(repository: Path, tmp_path: Path) -> None:
    where = place(tmp_path, "g-1", repository=str(repository))
    Path(where.root).mkdir(parents=True)
    (Path(where.root) / "half").write_text("x")
    space = await made(where)
    assert sorted(path.name for path in space.root.iterdir()) == [".git", "a.txt", "gone.txt"]


async def test_two_groups_on_one_repository_do_not_share_a_branch(repository: Path, tmp_path: Path) -> None:
    for group in ("g", "h"):
        base = tmp_path / "home" / "work" / group
        await made(WorkPlace(str(base / "workspace"), str(base / "snapshots.git"), repository=str(repository)))
    assert run_git("branch", "--list", "claw/*", cwd=repository).split() == [
        "+",
        "claw/g-workspace",
        "+",
        "claw/h-workspace",
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("empty", "has no commit yet"), ("none", "cannot be used as a git"), ("gone", "not there any more")],
)
async def test_what_is_no_usable_repository_is_named(tmp_path: Path, kind: str, words: str) -> None:
    folder = tmp_path / "repo"
    if kind != "gone":
        folder.mkdir()
    if kind == "empty":
        run_git("init", "-q", cwd=folder)
    with pytest.raises(ToolError, match=words):
        await made(place(tmp_path, "g-1", repository=str(folder)))


async def test_a_fork_starts_from_what_was_and_not_from_the_commit(repository: Path, tmp_path: Path) -> None:
    first = place(tmp_path, "g-1", repository=str(repository))
    space = await made(first)
    (space.root / "gone.txt").unlink()
    (space.root / "new").write_text("n")
    tree = await Snapshots(Path(first.snapshots), space.root).take()
    fork = await made(place(tmp_path, "g-2", repository=str(repository), restore=tree))
    assert contents(fork.root) == contents(space.root)


async def test_a_fork_whose_runner_was_killed_before_it_was_restored_is_restored(tmp_path: Path) -> None:
    first = place(tmp_path, "g-1")
    space = await made(first)
    (space.root / "a").write_text("x")
    tree = await Snapshots(Path(first.snapshots), space.root).take()
    fork = place(tmp_path, "g-2", restore=tree)
    Path(fork.root).mkdir()
    assert (Path((await made(fork)).root) / "a").read_text() == "x"
    (Path(fork.root) / "a").write_text("own work")
    assert ((await made(fork)).root / "a").read_text() == "own work"


async def test_our_own_folder_cannot_be_a_source(tmp_path: Path) -> None:
    (tmp_path / "home" / "secrets").mkdir(parents=True)
    for folder in ("home", "home/secrets"):
        with pytest.raises(ToolError, match="belongs to Claw Groups itself"):
            await made(place(tmp_path, "g-1", source=str(tmp_path / folder)))
