"""The engine over a real, tiny checkpoint: what runs together, and what is shared, changes nothing but the work."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import torch

from backend.engine.engine import Engine
from backend.engine.limits import Limits
from backend.engine.request import Event, Finish, Piece, Prefilled, Request, Sampling, Token
from backend.engine.runner import Runner
from backend.engine.weights import load
from backend.tiny import make

NEAR = 0.05
"""Other batches round otherwise: log-probabilities may differ by this much, and so may tokens as close as that."""


class Counted:
    """The runner with the tokens that ran counted."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.vocab_size = runner.vocab_size
        self.context_length = runner.context_length
        self.page_size = runner.page_size
        self.page_count = runner.page_count
        self.tokens_run = 0

    def forward(self, pieces: Sequence[Piece]) -> torch.Tensor:
        self.tokens_run += sum(len(piece.tokens) for piece in pieces)
        return self._runner.forward(pieces)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    make(folder, seed=5)
    return folder


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@asynccontextmanager
async def serving(checkpoint, memory_tokens=8192, **limits) -> AsyncIterator[tuple[Engine, Counted]]:
    model = Counted(load(checkpoint, memory_tokens=memory_tokens, context=4096))
    engine = Engine(model, Limits(**limits))
    await engine.start()
    try:
        yield engine, model
    finally:
        await engine.stop()


async def answer(engine, request) -> list[Event]:
    async with asyncio.timeout(120):
        return [event async for event in engine.submit(request)]


async def answers(engine, requests) -> list[list[Event]]:
    return await asyncio.gather(*(answer(engine, request) for request in requests))


def words(count, seed):
    return tuple(torch.randint(0, 400, (count,), generator=torch.Generator().manual_seed(seed)).tolist())


def ask(name, prompt, most=16):
    return Request(name, prompt, Sampling(max_tokens=most, temperature=0, logprobs=2))


def assert_alike(one: list[Event], other: list[Event]) -> None:
    """The same tokens, up to where two were as good as each other."""
    assert isinstance(one[0], Prefilled)
    assert one[-1] == other[-1] == Finish("length", len(one) - 2)
    for mine, yours in zip(one[1:-1], other[1:-1], strict=True):
        assert isinstance(mine, Token)
        if mine.id != yours.id:
            assert mine.top[0][1] - mine.top[1][1] < NEAR
            return
        assert mine.logprob == pytest.approx(yours.logprob, abs=NEAR)


async def test_together_in_pieces_and_short_of_memory_is_like_alone(checkpoint):
    requests = [ask(str(n), words(5 + 23 * n, n)) for n in range(12)]
    async with serving(checkpoint, share_prefixes=False) as (engine, _):
        alone = [await answer(engine, request) for request in requests]
    async with serving(checkpoint, step_tokens=80, max_running=8) as (engine, _):
        together = await answers(engine, requests)
    crowd = [ask(f"long {n}", words(900, n + 50), 300) for n in range(8)]
    async with serving(checkpoint, step_tokens=400, reserve_tokens=0) as (engine, _):
        pressed = (await answers(engine, [*crowd, *requests]))[len(crowd) :]
        assert engine.stats().preempted > 0
    for first, second, third in zip(alone, together, pressed, strict=True):
        assert_alike(first, second)
        assert_alike(first, third)


async def test_three_hundred_agents_with_one_long_prompt_pay_for_it_once(checkpoint):
    stem = words(2000, 1)
    requests = [ask(str(n), (*stem, n % 400, n // 400), most=1) for n in range(300)]
    async with serving(checkpoint) as (engine, model):
        shared = await answers(engine, requests)
        assert model.tokens_run == 2000 + 2 * 300
        assert engine.stats().cached_tokens == 2000 * 299
    async with serving(checkpoint, share_prefixes=False) as (engine, model):
        unshared = await answers(engine, requests[:4])
        assert model.tokens_run == 4 * 2002
    for one, other in zip(unshared, shared, strict=False):
        assert_alike(one, other)


async def test_a_conversation_reads_only_what_is_new(checkpoint):
    prompt = words(500, 2)
    async with serving(checkpoint) as (engine, model):
        first = await answer(engine, ask("1", prompt, most=40))
        said = tuple(event.id for event in first if isinstance(event, Token))
        before = model.tokens_run
        second = await answer(engine, ask("2", prompt + said + words(20, 3)))
        assert second[0] == Prefilled(560, 528)
        assert model.tokens_run - before == 560 - 528 + 15
    async with serving(checkpoint, share_prefixes=False) as (engine, _):
        assert_alike(await answer(engine, ask("2", prompt + said + words(20, 3))), second)
