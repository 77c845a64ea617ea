"""Stopping a turn stops the model server's work; many turns run side by side; finished turns share connections."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from model_asking import Asking

from clawgroups.group.thread import Turn
from clawgroups.tasks import Tasks
from clawgroups.testing.model_reply import Pause, Text, refuses, says
from clawgroups.testing.model_server import Heard, ModelServer

ENDLESS = says(Text("on and on ", rate=30.0, forever=True))


async def _stop(server: ModelServer, asking: Asking, *, speaking: bool) -> float:
    """Seconds from the stop until the server saw it."""
    turn = asyncio.ensure_future(asking.turn())
    async with asyncio.timeout(5):
        await (asking.heard.wait() if speaking else server.until(lambda: server.open))
    stopped = time.monotonic()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    await server.until(lambda: server.aborted)
    [heard] = server.aborted
    assert heard.ended is not None
    return heard.ended - stopped


@pytest.mark.parametrize("reply", [ENDLESS, says("One word", Pause(60.0))], ids=["talking", "silent"])
async def test_a_stop_in_mid_stream_is_seen_by_the_model_server_at_once(
    client: httpx.AsyncClient, reply: object
) -> None:
    async with ModelServer(lambda body: reply) as server:
        assert await _stop(server, Asking(server, client), speaking=True) < 0.3
        assert not server.open


async def test_a_stop_before_the_first_word_is_seen_too(client: httpx.AsyncClient) -> None:
    async with ModelServer(lambda body: says("late", wait=60.0)) as server:
        assert await _stop(server, Asking(server, client), speaking=False) < 0.3


async def test_a_stop_while_waiting_for_another_try_asks_no_more(client: httpx.AsyncClient) -> None:
    async with ModelServer(lambda body: refuses(429, "slow down", {"Retry-After": "20"})) as server:
        turn = asyncio.ensure_future(Asking(server, client).turn())
        await server.until(lambda: server.requests and not server.open)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        await asyncio.sleep(0.05)
        assert server.count == 1


async def test_three_hundred_streams_flow_at_once_and_all_stops_are_seen(client: httpx.AsyncClient) -> None:
    tasks, asked = Tasks(), []
    async with ModelServer(lambda body: ENDLESS) as server:
        for number in range(300):
            asked.append(Asking(server, client))
            tasks.start(asked[-1].turn(), name=f"turn-{number}")
        async with asyncio.timeout(30):
            await asyncio.gather(*(asking.heard.wait() for asking in asked))
        assert len(server.open) == 300
        stopped = time.monotonic()
        await tasks.close()
        await server.until(lambda: len(server.aborted) == 300)
        assert max(heard.ended or 0.0 for heard in server.aborted) - stopped < 3.0


async def test_a_finished_turn_is_no_abort_and_leaves_its_connection_to_the_next(client: httpx.AsyncClient) -> None:
    async with ModelServer(lambda body: says("Yes.")) as server:
        for _ in range(5):
            turn: Turn = await Asking(server, client).turn()
            assert turn.content == "Yes."
        peers = {heard.peer for heard in server.requests}
        assert not server.aborted
    assert len(peers) == 1


async def test_the_server_tells_a_stop_from_an_end(client: httpx.AsyncClient) -> None:
    async with ModelServer([says("Whole."), ENDLESS]) as server:
        await Asking(server, client).turn()
        await _stop(server, Asking(server, client), speaking=True)
        assert [_fate(heard) for heard in server.requests] == ["whole", "aborted"]


def _fate(heard: Heard) -> str:
    return "aborted" if heard.aborted else "whole" if heard.ended else "open"
