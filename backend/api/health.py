"""Whether an engine really answers: one token of it."""

from __future__ import annotations

import asyncio

from backend.api.asked import Asked
from backend.api.choice import Ended
from backend.api.faults import NotReady
from backend.api.service import Service
from backend.engine.request import Sampling
from backend.text.answer import Manner

PATIENCE_S = 20.0  # SGLang's


async def generates(service: Service) -> None:
    """Raises NotReady for an engine that fails at one token, or does not give it in time."""
    asked = Asked(service.new_id("health-", None), [0], Sampling(max_tokens=1, temperature=0.0), Manner(split=False))
    choices = service.begin(asked)
    ended = Ended("error", error="it gave nothing")
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for _, piece in service.told(asked, choices):
                if isinstance(piece, Ended):
                    ended = piece
    except TimeoutError as late:
        raise NotReady(f"The engine gave no token within {PATIENCE_S:g} s.", "It may be very busy, or stuck.") from late
    finally:
        service.drop(asked, choices)
    if ended.fault:
        raise NotReady(f"The engine fails: {ended.fault.sentence}", "Restart the server; its log says more.")
