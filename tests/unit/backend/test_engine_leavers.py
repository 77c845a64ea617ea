"""Clients who leave while their grammar is being compiled: the engine goes on for everybody else."""

import asyncio
import json
import threading

import pytest
from llguidance import LLTokenizer, TokenizerWrapper

from backend.engine.engine import Engine
from backend.engine.request import Finish, Request, Sampling
from backend.engine.stream import Stream
from backend.engine.testing import HashModel

VOCABULARY = 256


class _Letters:
    """A token for every byte, as the grammar library wants to see a vocabulary."""

    eos_token_id = 0
    bos_token_id = None
    tokens = tuple(bytes([number]) for number in range(VOCABULARY))
    special_token_ids = (0,)

    def __call__(self, text):
        return list(text.encode() if isinstance(text, str) else text)


def _grammar(number):
    properties = {f"a{number}": {"type": "string"}}
    return json.dumps({"grammars": [{"json_schema": {"type": "object", "properties": properties}}]})


async def _last(stream: Stream):
    return [event async for event in stream][-1]


@pytest.mark.parametrize("grammar", ["schema", "nonsense"])
async def test_who_leaves_while_a_grammar_is_compiled_harms_nobody(grammar):
    gate, held = threading.Event(), threading.Event()

    def before(_pieces):
        held.set()
        gate.wait(0.05)  # a step so long that the cancel and the compiled grammar are waiting after it

    model = HashModel(vocab_size=VOCABULARY, page_count=512, context_length=512, before=before)
    engine = Engine(model, None, LLTokenizer(TokenizerWrapper(_Letters())))
    await engine.start()
    try:
        busy = asyncio.create_task(_last(engine.submit(Request("busy", (1, 2, 3), Sampling(max_tokens=60)))))
        assert await asyncio.to_thread(held.wait, 30)
        for number in range(12):
            words = _grammar(number) if grammar == "schema" else "no grammar at all {"
            stream = engine.submit(Request(f"g{number}", (1, 2, 3), Sampling(max_tokens=5, grammar=words)))
            stream.cancel()
            await asyncio.sleep(0.06)
        gate.set()
        finish = await asyncio.wait_for(busy, 30)
        assert isinstance(finish, Finish)
        assert (finish.reason, engine.stats().error) == ("length", "")
        assert (engine.stats().running, engine.stats().waiting) == (0, 0)
        after = await _last(engine.submit(Request("after", (1, 2), Sampling(max_tokens=1))))
        assert after.reason == "length"
    finally:
        gate.set()
        await engine.stop()
