"""What the tests of the engine's thread share: requests, an engine that runs, and a model that can be held up."""

import asyncio
import contextlib
import threading

from backend.engine.engine import Engine
from backend.engine.request import Request, Sampling, Token
from backend.engine.testing import HashModel

SHAPE = {"context_length": 512, "page_size": 4, "page_count": 400}


def ask(name="r", prompt=(1, 2, 3), *, client="", most=5, **sampling):
    return Request(name, tuple(prompt), Sampling(max_tokens=most, temperature=0, **sampling), (), client)


@contextlib.asynccontextmanager
async def running(model=None, limits=None, **given):
    engine = Engine(model or HashModel(**SHAPE), limits, **given)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def everything(stream):
    async with asyncio.timeout(30):
        return [event async for event in stream]


def tokens(events):
    return [event.id for event in events if isinstance(event, Token)]


class Gate:
    """Holds a model before its passes until it is opened; ``reached`` counts how often it was held."""

    def __init__(self, fail=None):
        self.open = threading.Event()
        self.reached = threading.Semaphore(0)
        self.fail = fail or (lambda pieces: None)

    def __call__(self, pieces):
        self.reached.release()
        assert self.open.wait(30)
        self.fail(pieces)

    async def held(self):
        assert await asyncio.to_thread(self.reached.acquire, timeout=30)


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)
