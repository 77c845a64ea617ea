"""The search of a real server that is killed while it is behind: it goes on at the next start and misses nothing."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from clawgroups.group import events as ev
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.search_texts import joined, texts_of
from clawgroups.ledger.search_words import tokens
from clawgroups.testing.long_group import LongGroup
from clawgroups.testing.server_process import ServerProcess

AGENTS, STEPS, PATIENCE_S = 12, 400, 90.0
AT = text("SELECT event_id FROM search_progress")


async def _fill(url: str) -> None:
    ledger = await Ledger.open(url)
    await LongGroup("longgrp", AGENTS, STEPS).write(ledger.writer)
    await ledger.close()


async def _killed_in_the_middle(home: Path, arguments: tuple[str, ...], url: str) -> tuple[int, int]:
    """Kills a starting server as soon as its search has taken some events in; how many, and how many there are."""
    command = (sys.executable, "-m", "clawgroups", "up", "--home", str(home), "--port", "0", "--no-pages", *arguments)
    quiet = asyncio.subprocess.DEVNULL
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    server = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        async with engine.connect() as connection, asyncio.timeout(PATIENCE_S):
            last = await connection.scalar(text("SELECT max(id) FROM events"))
            while not await connection.scalar(AT):
                await asyncio.sleep(0.002)
        children = psutil.Process(server.pid).children(recursive=True)
        server.kill()
        await server.wait()
        _, left = await asyncio.to_thread(psutil.wait_procs, children, timeout=30)
        assert not left
        async with engine.connect() as connection:
            return int(await connection.scalar(AT)), int(last)
    finally:
        await engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_search_that_was_killed_goes_on_and_has_every_step_once(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    home = tmp_path / "home"
    url = f"sqlite+aiosqlite:///{home / 'clawgroups.db'}"
    arguments: tuple[str, ...] = ()
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url")
        arguments = ("--database", url)
    asyncio.run(_fill(url))
    at, last = asyncio.run(_killed_in_the_middle(home, arguments, url))
    assert 0 < at < last
    with ServerProcess(home, pages=False, args=arguments) as server:
        deadline = time.monotonic() + PATIENCE_S
        while (behind := _behind(server)) or not _found(server, f'"Step {STEPS}"'):
            assert time.monotonic() < deadline, f"{behind} events are still not in the search"
            time.sleep(0.05)
        for query in ("callers listed relied", f'"Step {STEPS}"'):
            assert _found(server, query) == _written(server, query), query
        server.stop()


def _behind(server: ServerProcess) -> int:
    answer = httpx.get(f"{server.api}/history/choices", timeout=30).json()
    return int(answer["search"]["behind"])


def _found(server: ServerProcess, query: str) -> list[int]:
    """The events in which the search finds the words, over all its pages."""
    seqs: list[int] = []
    cursor = ""
    while cursor is not None:
        parameters: dict[str, str | int] = {"q": query, "cursor": cursor, "limit": 100}
        page = httpx.get(f"{server.api}/groups/longgrp/hits", params=parameters, timeout=30).json()
        seqs += [hit["seq"] for hit in page["hits"]]
        cursor = page["more_hits"]
    return seqs


def _written(server: ServerProcess, query: str) -> list[int]:
    """The events whose words hold them, as the record has it."""
    wanted, seqs = [token.text for token in tokens(query)], []
    with httpx.stream("GET", f"{server.api}/groups/longgrp/export", timeout=60) as lines:
        for line in lines.iter_lines():
            row = json.loads(line)
            event = ev.decode(row["kind"], json.dumps(row["body"]))
            words = [token.text for token in tokens(joined(texts_of(event)))]
            together = f" {' '.join(wanted)} " in f" {' '.join(words)} "
            if together if query.startswith('"') else all(word in words for word in wanted):
                seqs.append(row["seq"])
    return seqs
