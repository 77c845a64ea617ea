"""Runs blocking work of a tool in a thread. When the call is stopped, it first waits until the thread has ended.

A cancelled ``asyncio.to_thread`` leaves its thread at work: a file would be written after its driver was stopped.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_stopped: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("stopped", default=None)


class Interrupted(Exception):
    """Its call was stopped; nobody waits for the result."""


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """The result of ``work(*args)``; work that takes long calls ``check_stopped`` now and then."""
    stopped = threading.Event()
    context = contextvars.copy_context()
    context.run(_stopped.set, stopped)
    running = asyncio.get_running_loop().run_in_executor(None, functools.partial(context.run, work, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stopped.set()
        await asyncio.wait({running})
        if not running.cancelled():
            running.exception()  # looked at: nobody else will
        raise


def check_stopped() -> None:
    """Raises Interrupted, in the thread, once the call was stopped."""
    stopped = _stopped.get()
    if stopped is not None and stopped.is_set():
        raise Interrupted
