"""The engine as its users see it: streams that end, whatever happens to the model, the consumer or the engine."""

import asyncio
import gc
import re
import threading
from collections import Counter

import pytest
from engine_asking import SHAPE, Gate, ask, everything, running, tokens, until
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from backend.engine import engine as engine_module
from backend.engine.limits import Limits
from backend.engine.request import Finish, Prefilled, Request, Sampling
from backend.engine.testing import HashModel, alone
from backend.errors import ContextTooLong, EngineStopped, QueueFull, RequestRefused


async def test_an_answer_comes_as_prefilled_tokens_finish():
    async with running() as engine:
        events = await everything(engine.submit(ask()))
    assert events[0] == Prefilled(3, 0)
    assert tokens(events) == alone(HashModel(**SHAPE), ask(), 5)
    assert events[-1] == Finish("length", 5)
    assert len(events) == 7


async def test_many_at_once_get_what_each_would_get_alone():
    async with running(limits=Limits(max_running=7, step_tokens=32)) as engine:
        requests = [ask(str(n), [7] * 20 + [n % 60], most=n % 9 + 1, client=str(n % 3)) for n in range(100)]
        answers = await asyncio.gather(*(everything(engine.submit(request)) for request in requests))
        stats = engine.stats()
    for request, events in zip(requests, answers, strict=True):
        assert tokens(events) == alone(HashModel(**SHAPE), request, request.sampling.max_tokens)
    assert (stats.requests, stats.running, stats.waiting, stats.used_tokens) == (100, 0, 0, 0)
    assert stats.generated_tokens == sum(n % 9 + 1 for n in range(100))
    assert stats.prompt_tokens == 2100
    assert stats.cached_tokens == stats.cache_hit_rate * 2100 > 1500
    assert stats.total_tokens == 1600
    assert stats.tokens_per_second == 0
    assert stats.error == ""


async def test_a_seed_gives_the_same_tokens_alone_and_in_a_crowd():
    def seeded(name):
        return Request(name, (1, 2, 3), Sampling(max_tokens=30, seed=11, top_p=0.9))

    async with running() as engine:
        first = await everything(engine.submit(seeded("one")))
        crowd = [engine.submit(ask(f"c{n}", [n] * 5, most=40)) for n in range(8)]
        second = await everything(engine.submit(seeded("two")))
        for stream in crowd:
            await stream.aclose()
    assert tokens(first) == tokens(second)


async def test_cancel_takes_effect_within_one_step_of_a_long_prompt():
    gate = Gate()
    async with running(HashModel(before=gate, **SHAPE), Limits(max_running=2, step_tokens=16)) as engine:
        stream = engine.submit(ask(prompt=[1] * 400))
        await gate.held()
        stream.cancel()
        stream.cancel()
        gate.open.set()
        assert await everything(stream) == [Finish("abort", 0)]
        stream.cancel()
        await until(lambda: engine.stats().aborted == 1)
        assert engine.stats().computed_tokens == 16
        assert engine.stats().used_tokens == 0


async def test_a_consumer_who_goes_away_is_noticed():
    async with running() as engine:
        stream = engine.submit(ask(most=400))
        assert isinstance(await anext(stream), Prefilled)
        del stream
        gc.collect()
        await until(lambda: engine.stats().aborted == 1)
        closed = engine.submit(ask(most=400))
        await anext(closed)
        await closed.aclose()
        assert await everything(closed) == []
        await until(lambda: engine.stats().aborted == 2)
        assert engine.stats().running == 0


async def test_a_task_that_is_cancelled_while_it_reads_cancels_its_request():
    async with running() as engine:

        async def read():
            async for _ in engine.submit(ask(most=400)):
                pass

        task = asyncio.create_task(read())
        await until(lambda: engine.stats().generated_tokens > 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        gc.collect()
        await until(lambda: engine.stats().aborted == 1)


@pytest.mark.parametrize(("limits", "fits"), [({"max_queued": 3}, 3), ({"max_queued_tokens": 100}, 2)])
async def test_the_queue_is_bounded_by_requests_and_by_tokens(limits, fits):
    gate = Gate()
    async with running(HashModel(before=gate, **SHAPE), Limits(**limits)) as engine:
        streams = [engine.submit(ask(str(n), [n] * 50)) for n in range(fits)]
        with pytest.raises(QueueFull, match=f"{fits} requests wait already") as full:
            engine.submit(ask("more", [9] * 50))
        assert full.value.status == 429
        assert engine.stats().waiting == fits
        gate.open.set()
        await asyncio.gather(*map(everything, streams))
        assert tokens(await everything(engine.submit(ask("more", [9] * 50))))
        gate.open.clear()
        again = [engine.submit(ask(str(n), [n] * 50)) for n in range(fits)]  # what has ended takes no room
        gate.open.set()
        await asyncio.gather(*map(everything, again))


async def test_a_prompt_that_nobody_waits_beside_is_taken_however_long():
    async with running(limits=Limits(max_queued_tokens=10)) as engine:
        assert tokens(await everything(engine.submit(ask(prompt=[1] * 50))))


async def test_what_can_never_be_served_is_refused_at_once():
    async with running() as engine:
        with pytest.raises(ContextTooLong):
            engine.submit(ask(prompt=[1] * 512))
        with pytest.raises(RequestRefused, match="top_p"):
            engine.submit(ask(top_p=7))
        with pytest.raises(RequestRefused, match="grammar"):
            engine.submit(ask(grammar="{}"))
        first = engine.submit(ask("same", most=300))
        with pytest.raises(RequestRefused, match="same"):
            engine.submit(ask("same"))
        first.cancel()
        assert (await everything(first))[-1].reason == "abort"
        assert (await everything(engine.submit(ask("same"))))[-1].reason == "length"


async def test_a_step_that_fails_ends_its_requests_and_the_engine_goes_on():
    def fail(pieces):
        if any(13 in piece.tokens for piece in pieces):
            raise ValueError("an unlucky number")

    async with running(HashModel(before=fail, **SHAPE)) as engine:
        for _ in range(5):
            (finish,) = await everything(engine.submit(ask(prompt=[13])))
            assert finish == Finish(
                "error", 0, "The model failed while it worked on this request: ValueError: an unlucky number"
            )
            assert tokens(await everything(engine.submit(ask(most=1)))) == alone(HashModel(**SHAPE), ask(), 1)
        assert (engine.stats().failed, engine.stats().error, engine.stats().used_tokens) == (5, "", 0)


async def test_a_model_that_always_fails_stops_the_engine_which_says_so():
    def fail(pieces):
        raise RuntimeError("no more memory")

    gate = Gate(fail)
    async with running(HashModel(before=gate, **SHAPE), Limits(failures=2, max_running=2)) as engine:
        streams = [engine.submit(ask(str(n), [n] * 9)) for n in range(9)]
        gate.open.set()
        answers = await asyncio.gather(*map(everything, streams))
        assert {events[-1].reason for events in answers} == {"error"}
        assert all(events[-1].error for events in answers)
        assert "after 2 failed steps in a row" in engine.stats().error
        assert engine.stats().failed == 9
        with pytest.raises(EngineStopped, match="failed steps in a row") as stopped:
            engine.submit(ask())
        assert stopped.value.status == 503


async def test_a_fault_of_the_scheduler_itself_leaves_nobody_waiting(monkeypatch):
    gate = Gate()
    async with running(HashModel(before=gate, **SHAPE)) as engine:
        streams = [engine.submit(ask(str(n))) for n in range(3)]
        await gate.held()
        monkeypatch.setattr(engine._scheduler, "schedule", lambda: [])
        gate.open.set()
        answers = await asyncio.gather(*map(everything, streams))
        assert all(events[-1].reason == "error" and "stands still" in events[-1].error for events in answers)
        assert "stands still" in engine.stats().error


class Letters:
    eos_token_id = 63
    bos_token_id = None
    tokens = (*(bytes([n + 32]) for n in range(63)), b"<|end|>")
    special_token_ids = (63,)

    def __call__(self, text):
        return [byte - 32 for byte in text]


async def test_an_answer_follows_its_grammar_and_a_bad_one_is_refused_on_the_stream():
    lltokenizer = LLTokenizer(TokenizerWrapper(Letters()))
    async with running(lltokenizer=lltokenizer) as engine:
        good = engine.submit(ask("good", most=50, grammar=LLMatcher.grammar_from_regex("AB+C")))
        bad = engine.submit(ask("bad", grammar="start: /[/"))
        events = await everything(good)
        text = "".join(chr(token + 32) for token in tokens(events) if token != 63)
        assert events[-1].reason == "stop"
        assert re.fullmatch("AB+C", text)
        with pytest.raises(RequestRefused, match=r"start: /\[/"):
            await everything(bad)
        assert engine.stats().waiting == 0


async def test_a_request_can_be_cancelled_while_its_grammar_is_compiled(monkeypatch):
    compiling, go_on = threading.Event(), threading.Event()

    def slow(self, grammar):
        compiling.set()
        assert go_on.wait(30)  # returning no matcher is as good as any: it comes too late

    monkeypatch.setattr(engine_module.Grammars, "matcher", slow)
    async with running(lltokenizer=LLTokenizer(TokenizerWrapper(Letters()))) as engine:
        stream = engine.submit(ask(grammar="x"))
        assert await asyncio.to_thread(compiling.wait, 30)
        stream.cancel()
        assert await everything(stream) == [Finish("abort", 0)]
        go_on.set()
        await asyncio.wrap_future(engine._compiler.submit(int))
        assert tokens(await everything(engine.submit(ask(most=1))))


async def test_times_are_told_of_every_request():
    seen: list[tuple[str, float]] = []
    async with running(observe=lambda quantity, seconds: seen.append((quantity, seconds))) as engine:
        for n in range(3):
            await everything(engine.submit(ask(str(n), most=4)))
    assert Counter(quantity for quantity, _ in seen) == {
        "queue_time": 3,
        "time_to_first_token": 3,
        "inter_token": 9,
        "end_to_end": 3,
    }
    assert all(0 <= seconds < 30 for _, seconds in seen)


async def test_an_idle_engine_checks_its_books_and_forgets_a_cache_that_is_wrong(monkeypatch, caplog):
    monkeypatch.setattr(engine_module, "QUIET", 0.01)
    async with running() as engine:
        before = await everything(engine.submit(ask("0", [4] * 30)))
        pool = engine._scheduler.cache.pool
        pool._references[pool._free[0]] = 1
        engine.submit(ask("1", [4] * 30)).cancel()
        await until(lambda: engine._scheduler.cache.pool is not pool)
        assert "books do not agree" in caplog.text
        again = await everything(engine.submit(ask("2", [4] * 30)))
        assert (tokens(again), again[0].cached_tokens) == (tokens(before), 0)
