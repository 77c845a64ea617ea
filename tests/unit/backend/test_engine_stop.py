"""An engine that stops, at once or after what is there; and one whose cache is flushed."""

import asyncio

import pytest
from engine_asking import SHAPE, Gate, ask, everything, running, tokens, until

from backend.engine.engine import Engine
from backend.engine.limits import Limits
from backend.engine.request import Finish
from backend.engine.testing import HashModel
from backend.errors import EngineStopped


async def test_stop_aborts_what_is_there_and_refuses_what_comes():
    gate = Gate()
    engine = Engine(HashModel(before=gate, **SHAPE), Limits(max_running=2))
    with pytest.raises(EngineStopped, match="not been started"):
        engine.submit(ask())
    await engine.start()
    streams = [engine.submit(ask(str(n), most=400)) for n in range(5)]
    await gate.held()
    gate.open.set()
    await engine.stop()
    assert {(await everything(stream))[-1].reason for stream in streams} == {"abort"}
    with pytest.raises(EngineStopped):
        engine.submit(ask())
    await engine.stop()
    assert engine.stats().waiting == engine.stats().running == 0


async def test_stop_can_wait_for_what_is_there_and_for_what_waits():
    engine = Engine(HashModel(**SHAPE), Limits(max_running=1))
    await engine.start()
    streams = [engine.submit(ask(str(n), most=5)) for n in range(30)]
    async with asyncio.timeout(30):
        await engine.stop(drain_seconds=3600)
    assert {(await everything(stream))[-1].reason for stream in streams} == {"length"}


async def test_waiting_for_what_is_there_has_an_end():
    gate = Gate()
    engine = Engine(HashModel(before=gate, **SHAPE))
    await engine.start()
    stream = engine.submit(ask(most=400))
    await gate.held()
    stopping = asyncio.create_task(engine.stop(drain_seconds=0.01))
    await until(lambda: engine._stopping)
    gate.open.set()
    await stopping
    assert (await everything(stream))[-1].reason == "abort"


async def test_while_what_is_there_ends_nothing_new_is_let_in():
    gate = Gate()
    engine = Engine(HashModel(before=gate, **SHAPE))
    await engine.start()
    stream = engine.submit(ask("there", most=5))
    await gate.held()
    stopping = asyncio.create_task(engine.stop(drain_seconds=3600))
    await asyncio.sleep(0)
    with pytest.raises(EngineStopped, match="is stopping"):
        engine.submit(ask("late"))
    gate.open.set()
    async with asyncio.timeout(30):
        await stopping
    assert (await everything(stream))[-1] == Finish("length", 5)


async def test_what_is_broken_off_says_how_far_it_came_and_the_thread_is_gone():
    engine = Engine(HashModel(**SHAPE))
    await engine.start()
    stream = engine.submit(ask(most=400))
    await until(lambda: engine.stats().generated_tokens > 3)
    await engine.stop()
    assert not engine._thread.is_alive()
    events = await everything(stream)
    assert events[-1] == Finish("abort", len(tokens(events)))
    assert len(tokens(events)) > 3


async def test_a_flush_forgets_what_the_cache_knows_but_nothing_that_is_asked_for():
    gate = Gate()
    gate.open.set()
    async with running(HashModel(before=gate, **SHAPE)) as engine:
        assert (await everything(engine.submit(ask("0", [4] * 30))))[0].cached_tokens == 0
        assert (await everything(engine.submit(ask("1", [4] * 30))))[0].cached_tokens == 28
        assert engine.stats().kept_tokens > 0
        gate.open.clear()
        asked = engine.submit(ask("2", [4] * 30))
        while gate.reached.acquire(blocking=False):
            pass
        await gate.held()
        flushing = asyncio.create_task(engine.flush())
        await until(lambda: engine._flushes)
        gate.open.set()
        assert await flushing is False
        assert (await everything(asked))[0].cached_tokens == 28
        await until(lambda: not engine._channels)
        assert await engine.flush() is True
        assert engine.stats().kept_tokens == engine.stats().used_tokens == 0
        assert (await everything(engine.submit(ask("3", [4] * 30))))[0].cached_tokens == 0


async def test_a_flush_can_wait_for_the_end_of_what_is_there():
    async with running() as engine:
        stream = engine.submit(ask(prompt=[4] * 30, most=100))
        assert await engine.flush(30) is True
        assert (await everything(stream))[-1].reason == "length"
        assert engine.stats().kept_tokens == 0
        long = engine.submit(ask(prompt=[4] * 30, most=400))
        assert await engine.flush(1e-6) is False
        long.cancel()
        await everything(long)


async def test_nobody_who_wants_a_flush_is_left_waiting_by_an_engine_that_ends():
    gate = Gate()
    engine = Engine(HashModel(before=gate, **SHAPE))
    with pytest.raises(EngineStopped):
        await engine.flush()
    await engine.start()
    engine.submit(ask(most=400))
    await gate.held()
    stopping = asyncio.create_task(engine.stop())
    flushing = asyncio.create_task(engine.flush(30))
    await until(lambda: engine._stopping)
    gate.open.set()
    async with asyncio.timeout(30):
        with pytest.raises(EngineStopped):
            await flushing
        await stopping


async def test_nobody_who_wants_a_flush_is_left_waiting_by_an_engine_that_breaks(monkeypatch):
    gate = Gate()
    engine = Engine(HashModel(before=gate, **SHAPE))
    await engine.start()
    stream = engine.submit(ask(most=400))
    await gate.held()
    flushing = asyncio.create_task(engine.flush())
    await until(lambda: engine._flushes)

    def broken(sent, error=""):
        monkeypatch.undo()
        raise RuntimeError("as the test wants it")

    monkeypatch.setattr(engine, "_send", broken)
    gate.open.set()
    async with asyncio.timeout(10):
        with pytest.raises(EngineStopped, match="as the test wants it"):
            await flushing
    assert (await everything(stream))[-1].reason == "error"
    await engine.stop()
