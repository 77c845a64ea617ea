"""The whole program on PostgreSQL: a real server, a real runner, a survey, and a kill in the middle of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from clawgroups.ledger.ledger import Ledger
from clawgroups.testing.server_process import ServerProcess

FILES = 12


def until(holds: Callable[[], Any], what: str, within_s: float = 60.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what} did not come within {within_s:g} s"
        time.sleep(0.05)
    return found


def _survey(server: ServerProcess, folder: Path) -> str:
    folder.mkdir()
    for number in range(FILES):
        (folder / f"part{number}.py").write_text(f"def part{number}():\n    return {number}\n")
    body = {"name": "On PostgreSQL", "template": "survey", "folder": str(folder), "pace": 30, "start": True}
    made = httpx.post(f"{server.api}/groups", json=body, timeout=30)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_a_survey_goes_on_after_a_kill_and_the_record_is_whole(tmp_path: Path, postgres_url: str) -> None:
    home = tmp_path / "home"
    with ServerProcess(home, pages=False, args=("--database", postgres_url)) as server:
        group = _survey(server, tmp_path / "source")

        def view() -> Any:
            return httpx.get(f"{server.api}/groups/{group}", timeout=30).json()

        steps = until(lambda: view()["steps"] > 6 and view()["steps"], "the first steps")
        server.kill()
        server.start()
        assert view()["steps"] >= steps
        until(lambda: view()["status"] == "finished", "the end of the survey")
        assert view()["counts"]["done"] == FILES + 1
        report = httpx.get(f"{server.api}/groups/{group}/files/survey.md", timeout=30).text
        assert f"{FILES} files" in report
        server.stop()
    assert not (home / "clawgroups.db").exists()
    assert asyncio.run(_problems(postgres_url, group)) == []


async def _problems(url: str, group: str) -> list[str]:
    ledger = await Ledger.open(url)
    try:
        return await ledger.reader.verify(group)
    finally:
        await ledger.close()


def test_a_second_server_on_the_same_database_is_told_who_has_it(tmp_path: Path, postgres_url: str) -> None:
    arguments = ("--database", postgres_url)
    with ServerProcess(tmp_path / "one", pages=False, args=arguments) as first:
        second = ServerProcess(tmp_path / "two", pages=False, args=arguments)
        with pytest.raises(RuntimeError, match="Another server"):
            second.start()
        assert httpx.get(f"{first.api}/status", timeout=30).json()["ledger"]["state"] == "ok"
        first.stop()
