"""The pulse: a word when nothing was said for a while, and an end when nothing is heard."""

from __future__ import annotations

import asyncio

import pytest

from clawgroups.link.pulse import listen, pump
from clawgroups.link.transport import LinkClosed, pair


async def test_a_silent_peer_is_gone() -> None:
    here, there = pair()
    with pytest.raises(LinkClosed, match="nothing for too long"):
        async with asyncio.timeout(2.0):
            await listen(here, lambda text: None, silence_s=0.1)
    await there.close()


async def test_a_peer_that_beats_stays() -> None:
    here, there = pair()
    heard: list[str] = []
    outbox: asyncio.Queue[str] = asyncio.Queue()
    beating = asyncio.ensure_future(pump(there, outbox, lambda: "beat", heartbeat_s=0.05))
    listening = asyncio.ensure_future(listen(here, heard.append, silence_s=0.4))
    async with asyncio.timeout(5.0):
        while len(heard) < 15:  # longer than the silence that would end it
            await asyncio.sleep(0.01)
    assert set(heard) == {"beat"}
    for task in (beating, listening):
        task.cancel()
    await asyncio.gather(beating, listening, return_exceptions=True)


async def test_while_there_is_something_to_say_nothing_is_added() -> None:
    here, there = pair()
    outbox: asyncio.Queue[str] = asyncio.Queue()
    pumping = asyncio.ensure_future(pump(there, outbox, lambda: "beat", heartbeat_s=0.3))
    said = []
    for number in range(20):
        outbox.put_nowait(str(number))
        said.append(await here.receive())
        await asyncio.sleep(0.02)
    assert said == [str(number) for number in range(20)]
    pumping.cancel()
    await asyncio.gather(pumping, return_exceptions=True)


async def test_the_pump_ends_with_the_connection() -> None:
    here, there = pair()
    outbox: asyncio.Queue[str] = asyncio.Queue()
    await here.close()
    await there.close()
    outbox.put_nowait("x")
    with pytest.raises(LinkClosed):
        await pump(there, outbox, lambda: "beat")


async def test_both_ends_see_the_end_of_a_connection() -> None:
    here, there = pair()
    waiting = asyncio.ensure_future(there.receive())
    await asyncio.sleep(0)
    await here.close()
    for receive in (waiting, there.receive(), here.receive()):
        with pytest.raises(LinkClosed):
            await receive
    with pytest.raises(LinkClosed):
        await here.send("x")
