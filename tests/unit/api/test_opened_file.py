"""A download is the file that was checked: one swapped for a link in between tells nothing of what lies outside."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from clawgroups.api import errors, groups
from clawgroups.api.opened_file import opened_below

SECRET = "the secret outside"
Swap = Callable[[Path, Path], None]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with files, beside a secret that is none of its business."""
    made = tmp_path / "g1" / "workspace"
    (made / "notes").mkdir(parents=True)
    (made / "notes" / "a.txt").write_text("inside, the first\n")
    (made / "to-a").symlink_to("notes/a.txt")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_text(SECRET)
    return made


@pytest.fixture
def client(workspace: Path) -> httpx.AsyncClient:
    """Asks the real route of a house that knows one group."""

    async def group(group_id: str) -> None:
        assert group_id == "g1"

    app = FastAPI()
    errors.install(app)
    app.include_router(groups.router)
    app.state.dispatcher = SimpleNamespace(group=group, settings=SimpleNamespace(work=workspace.parent.parent))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://house")


def swap_file(workspace: Path, outside: Path) -> None:
    """The file itself becomes a link."""
    (workspace / "notes" / "a.txt").unlink()
    (workspace / "notes" / "a.txt").symlink_to(outside / "a.txt")


def swap_folder(workspace: Path, outside: Path) -> None:
    """The folder above it becomes a link."""
    (workspace / "notes").rename(workspace / "before")
    (workspace / "notes").symlink_to(outside, target_is_directory=True)


@pytest.mark.parametrize("swap", [swap_file, swap_folder])
async def test_a_file_that_is_swapped_for_a_link_after_the_check_is_not_there(
    client: httpx.AsyncClient, workspace: Path, tmp_path: Path, swap: Swap, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = Path.resolve
    swapped: list[Path] = []

    def resolved(self: Path, strict: bool = False) -> Path:
        found = resolve(self, strict)
        if found.name == "a.txt" and not swapped:
            swapped.append(found)
            swap(workspace, tmp_path / "outside")
        return found

    monkeypatch.setattr(Path, "resolve", resolved)
    reply = await client.get("/groups/g1/files/notes/a.txt")
    assert swapped
    assert SECRET not in reply.text
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


async def test_a_file_that_is_swapped_while_it_is_sent_stays_the_one_that_was_opened(
    workspace: Path, tmp_path: Path
) -> None:
    made = opened_below(workspace, "notes/a.txt")
    swap_file(workspace, tmp_path / "outside")
    sent: list[dict[str, Any]] = []
    await made({"type": "http", "method": "GET", "headers": []}, _never, _into(sent))
    assert b"".join(part.get("body", b"") for part in sent) == b"inside, the first\n"


@pytest.mark.parametrize("path", ["notes/a.txt", "to-a", "notes/../notes/a.txt"])
async def test_a_file_is_a_download_whole_or_in_part(client: httpx.AsyncClient, path: str) -> None:
    whole = await client.get(f"/groups/g1/files/{path.replace('..', '%2e%2e')}")
    assert (whole.status_code, whole.text) == (200, "inside, the first\n")
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"] == 'attachment; filename="a.txt"'
    part = await client.get(f"/groups/g1/files/{path.replace('..', '%2e%2e')}", headers={"Range": "bytes=8-10"})
    assert (part.status_code, part.text) == (206, "the")


@pytest.mark.parametrize(
    "path", ["", "notes", "none", "%2e%2e", "%2e%2e/%2e%2e/outside/a.txt", "x" * 300, "pipe", "loop", "out"]
)
async def test_what_is_no_file_of_the_workspace_is_not_there(
    client: httpx.AsyncClient, workspace: Path, path: str
) -> None:
    os.mkfifo(workspace / "pipe")
    (workspace / "loop").symlink_to("loop")
    (workspace / "out").symlink_to("../../outside/a.txt")
    assert (await client.get(f"/groups/g1/files/{path}")).status_code == 404


@pytest.mark.parametrize("goes", [False, True])
async def test_the_handle_is_closed_also_when_the_other_side_goes_away(workspace: Path, goes: bool) -> None:
    made = opened_below(workspace, "notes/a.txt")
    assert _handles_of(workspace)
    if goes:
        with pytest.raises(OSError, match="gone"):
            await made({"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}, _never, _gone)
    else:
        await made({"type": "http", "method": "GET", "headers": []}, _never, _into([]))
    assert not _handles_of(workspace)


def _handles_of(workspace: Path) -> list[str]:
    found = []
    for handle in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{handle}"))
        except FileNotFoundError:
            continue  # the one that listed them
    return [name for name in found if name.startswith(str(workspace))]


def _into(sent: list[dict[str, Any]]) -> Any:
    async def send(message: Any) -> None:
        sent.append(message)

    return send


async def _never() -> Any:
    await asyncio.Event().wait()


async def _gone(message: Any) -> None:
    if message["type"] == "http.response.body":
        raise OSError("gone")
