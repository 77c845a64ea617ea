"""Viewers that do not keep up, and a ledger that has stopped: what the feed does then."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from api_steps import Plans, done, take_over, wait_for, wait_for_runner
from feed_viewer import FeedViewer

from clawgroups.testing.server_process import ServerProcess

TIMES, PIECE = 400, 800  # 320 KB a turn, which the link lets through in one frame
TURNS = 30  # about 10 MB in all, more than all buffers of a connection and of a viewer hold


async def test_a_viewer_that_does_not_read_costs_little_and_finds_a_fresh_snapshot(
    server_api: str, server: ServerProcess, client: httpx.Client, plans: Plans
) -> None:
    gate = secrets.token_hex(4)
    call = ("list_files", {})
    texts = [f"Turn {turn:03d}. " + "w" * PIECE for turn in range(TURNS)]
    turns = [plans.turn(text, call, times=TIMES, wait=f"{gate}-{turn}") for turn, text in enumerate(texts)]
    turns = [plans.turn("I begin.", call, wait=f"{gate}-begin"), *turns]
    agent = await asyncio.to_thread(lambda: plans.group(*turns, result="over"))
    group = agent.rsplit("-", 1)[0]
    async with FeedViewer(server_api, group, small=True) as slow, FeedViewer(server_api, group) as quick:
        await slow.next()
        await slow.say(t="watch", agents=[agent])
        await quick.next()
        await quick.say(t="watch", agents=[agent])
        before = psutil.Process(server.pid).memory_info().rss
        await quick.until(lambda: quick.text.get(agent) == "I begin.")
        plans.open(f"{gate}-begin")
        for turn, text in enumerate(texts):
            await quick.until(lambda text=text: quick.text[agent] == text * TIMES)  # type: ignore[misc]
            plans.open(f"{gate}-{turn}")
        await quick.until(lambda: quick.state_of(agent) == "done")
        grown = psutil.Process(server.pid).memory_info().rss - before
        assert grown < 60 * 1024 * 1024, f"{grown / 1e6:.0f} MB for one who does not read"
        await slow.until(lambda: slow.state_of(agent) == "done")
        told = sum(len(frame["add"]) for frame in slow.heard if frame["t"] == "text")
    assert slow.snapshots > 1, "what it missed is not sent later, one by one"
    assert told < TURNS * TIMES * PIECE * 0.9
    stands = [[viewer.tiles[agent][key] for key in ("state", "step", "epoch", "driver")] for viewer in (slow, quick)]
    assert stands[0] == stands[1], "and it knows all the same how things stand"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that a test may harm."""
    with ServerProcess(tmp_path / "home", pages=False) as running:
        wait_for_runner(running)
        yield running


async def test_that_nothing_can_be_written_any_more_is_told_to_all_who_watch(
    own_server: ServerProcess, tmp_path: Path
) -> None:
    with httpx.Client(base_url=own_server.api, timeout=30) as client:
        plans = Plans(client, tmp_path)
        agent = (await asyncio.to_thread(plans.talking))["id"]
        driven = await asyncio.to_thread(take_over, client, agent)
        async with FeedViewer(own_server.api, driven["group"]) as viewer:
            assert (await viewer.next())["status"]["ledger"]["state"] == "ok"
            own_server.stop_files_growing()
            body = {"epoch": driven["epoch"], "content": "x" * 150_000}

            def write() -> httpx.Response:
                return client.post(f"/agents/{agent}/steps", json=body)

            refusal = await asyncio.to_thread(
                lambda: wait_for(lambda: next((r for r in [write()] if r.status_code != 200), None), "the full disk")
            )
            assert (refusal.status_code, refusal.json()["error"]["code"]) == (503, "ledger_stopped")
            assert "start the server again" in refusal.json()["error"]["hint"]
            await viewer.until(lambda: viewer.heard[-1]["t"] == "status" and viewer.heard[-1]["ledger"]["message"])
            assert viewer.heard[-1]["ledger"]["state"] == "stopped"
        await asyncio.to_thread(_still_reads, client, agent, plans.member)


def _still_reads(client: httpx.Client, agent: str, member: str) -> None:
    told = done(client.get("/status"))["ledger"]
    assert (told["state"], bool(told["message"]), bool(told["hint"])) == ("stopped", True, True)
    step = done(client.get(f"/agents/{agent}"))["step"]
    whole = done(client.get(f"/agents/{agent}/transcript", params={"limit": 1_000}))["entries"]
    assert sum(entry["by"] == "you" for entry in whole) == step, "what was acknowledged is there, and no more"
    assert client.post("/groups", json={"name": "x", "goal": "y", "conductor": member}).status_code == 503
