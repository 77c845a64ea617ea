"""Keeps a connection honest, for both ends: a word when nothing was said, and an end when nothing is heard.

One timer serves all frames: a timer for each would cost more than the frame itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from clawgroups.link.messages import HEARTBEAT_S, SILENCE_S
from clawgroups.link.transport import LinkClosed, Transport

COARSE_S = 1.0  # how exact the limit on silence has to be


async def listen(transport: Transport, hear: Callable[[str], None], silence_s: float = SILENCE_S) -> None:
    """Hands over frames as they come. Raises LinkClosed when the connection ends or the peer is silent too long."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(silence_s) as limit:
            set_at = loop.time()
            while True:
                text = await transport.receive()
                if loop.time() - set_at > min(COARSE_S, silence_s / 4):
                    set_at = loop.time()
                    limit.reschedule(set_at + silence_s)
                hear(text)
    except TimeoutError as error:
        raise LinkClosed("The other end has said nothing for too long.") from error


async def pump(
    transport: Transport, outbox: asyncio.Queue[str], beat: Callable[[], str], heartbeat_s: float = HEARTBEAT_S
) -> None:
    """Sends what is queued; ``beat`` makes the frame that is sent when nothing was for a while.

    Raises LinkClosed when the connection ends.
    """
    said = [asyncio.get_running_loop().time()]
    beating = asyncio.ensure_future(_beat(outbox, beat, heartbeat_s, said))
    try:
        while True:
            text = await outbox.get()
            await transport.send(text)
            said[0] = asyncio.get_running_loop().time()
    finally:
        beating.cancel()


async def _beat(outbox: asyncio.Queue[str], beat: Callable[[], str], heartbeat_s: float, said: list[float]) -> None:
    while True:
        quiet = asyncio.get_running_loop().time() - said[0]
        if quiet >= heartbeat_s:
            outbox.put_nowait(beat())
            quiet = 0.0
        await asyncio.sleep(heartbeat_s - quiet)
