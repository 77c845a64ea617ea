"""The pipes of a process that is gone: read to their end, since one that nobody reads stays open for good."""

from __future__ import annotations

import asyncio

PIPES_S = 0.3  # longer only where somebody else still holds the other end


async def to_their_end(process: asyncio.subprocess.Process) -> None:
    """Throws away what is left in its output and errors, for PIPES_S at most. Nobody else may be reading them."""
    ends = [asyncio.ensure_future(_read(pipe)) for pipe in (process.stdout, process.stderr) if pipe is not None]
    if not ends:
        return
    try:
        await asyncio.wait(ends, timeout=PIPES_S)
    finally:
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)  # a pipe that broke is at its end, too


async def _read(pipe: asyncio.StreamReader) -> None:
    while await pipe.read(65_536):
        pass
