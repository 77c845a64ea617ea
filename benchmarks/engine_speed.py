"""The process in which ``bench engine`` measures. Its arguments: a folder, "speed" or "sharing", options as JSON."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import random
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from backend.engine.engine import Engine
from backend.engine.limits import Limits
from backend.engine.model.experts import Experts
from backend.engine.model.layers import FeedForward
from backend.engine.model.model import LanguageModel
from backend.engine.request import Piece, Request, Sampling
from backend.engine.weights import load
from benchmarks.llamacpp import LlamaCpp, absent
from benchmarks.llamacpp_convert import convert

BATCHES = (1, 8, 32)
PAST = 256
"""Tokens that a sequence has before it is decoded."""
END = 12
"""Tokens of its own that a request has after the common beginning."""
LLAMACPP = {"llamacpp": "BF16", "llamacpp_q8": "Q8_0"}
"""How llama.cpp holds what is not INT4: as the checkpoint does, and rounded to 8 bits, as its users mostly have it."""
STREAM = 2**28
"""Bytes that are read to see how fast memory can be read."""


class Ours:
    """The engine's model."""

    def __init__(self, folder: Path, tokens: torch.Tensor, prefill: int) -> None:
        self._prefill = prefill
        self._pages = -(-(max(tokens.shape[1], PAST) + 1) // 16)
        self.model = load(folder, memory_tokens=len(tokens) * self._pages * 16)
        self._tokens = tokens

    def _table(self, number: int) -> list[int]:
        return list(range(number * self._pages, (number + 1) * self._pages))

    def read(self) -> None:
        self.model.forward([Piece(self._tokens[0, : self._prefill].tolist(), 0, self._table(0), 1)])

    def prepare(self, batch: int) -> None:
        for number in range(batch):
            self.model.forward([Piece(self._tokens[number, :PAST].tolist(), 0, self._table(number), 0)])

    def decode(self, chosen: list[int]) -> None:
        self.model.forward([Piece([token], PAST, self._table(number), 1) for number, token in enumerate(chosen)])


class Theirs:
    """transformers in bf16."""

    def __init__(self, folder: Path, tokens: torch.Tensor, prefill: int) -> None:
        from backend.testing.reference import reference

        self._prefill = prefill
        self._model = reference(folder, torch.bfloat16)
        self._tokens = tokens
        self._past: Any = None

    def _run(self, tokens: torch.Tensor, **options: Any) -> Any:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore", FutureWarning)  # how a cache is handed over is being renamed
            return self._model(tokens, logits_to_keep=1, **options)

    def read(self) -> None:
        self._run(self._tokens[:1, : self._prefill])

    def prepare(self, batch: int) -> None:
        self._past = self._run(self._tokens[:batch, :PAST], use_cache=True).past_key_values

    def decode(self, chosen: list[int]) -> None:
        self._run(torch.tensor(chosen)[:, None], past_key_values=self._past, use_cache=True)
        self._past.crop(-1)


class LlamaCppArm:
    """llama.cpp; the experts' INT4 codes are the checkpoint's."""

    def __init__(self, file: Path, threads: int, tokens: torch.Tensor, prefill: int) -> None:
        self._prefill = prefill
        self._tokens = tokens
        self._model = LlamaCpp(file, threads, len(tokens), max(tokens.shape[1], PAST + 1))

    def _fill(self, number: int, length: int) -> None:
        self._model.cut(number, 0)
        prompt = self._tokens[number, :length].tolist()
        self._model.forward([(token, position, number) for position, token in enumerate(prompt)])

    def read(self) -> None:
        self._fill(0, self._prefill)

    def prepare(self, batch: int) -> None:
        self._model.clear()
        for number in range(batch):
            self._fill(number, PAST)

    def decode(self, chosen: list[int]) -> None:
        self._model.forward([(token, PAST, number) for number, token in enumerate(chosen)])
        for number in range(len(chosen)):
            self._model.cut(number, PAST)


def speed(folder: Path, threads: int, rounds: int, prefill: int) -> dict[str, Any]:
    """Tokens a second of all, and ratios of ours over the others. Without transformers, theirs are None; without
    llama.cpp it is said why."""
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    vocabulary = load(folder, memory_tokens=16, context=16).vocab_size
    size = (max(BATCHES), max(prefill, PAST))
    tokens = torch.randint(vocabulary, size, generator=torch.Generator().manual_seed(1))
    arms: dict[str, Any] = {"ours": Ours(folder, tokens, prefill)}
    if importlib.util.find_spec("transformers"):
        arms["transformers"] = Theirs(folder, tokens, prefill)
    missing = absent()
    for name, rest in {} if missing else LLAMACPP.items():
        file = folder / f"{rest}.gguf"
        if not file.exists():
            convert(folder, file, rest)
        arms[name] = LlamaCppArm(file, threads, tokens, prefill)
    best = _take_turns(arms, clock, rounds, vocabulary)
    rates = {name: {"prefill": prefill / took["prefill"]} for name, took in best.items()}
    for name, took in best.items():
        rates[name] |= {f"decode_b{batch}": batch / took[f"decode_b{batch}"] for batch in BATCHES}
    moved = bytes_a_token(arms["ours"].model)
    return {
        "threads": threads,
        "tokens_per_s": {name: {what: round(rate, 1) for what, rate in of.items()} for name, of in rates.items()},
        "ratios": _ratios(rates, "transformers"),
        **{f"ratios_{name}": _ratios(rates, name) for name in LLAMACPP},
        "llamacpp": f"not measured: {missing}" if missing else "measured",
        "mb_a_token": round(moved / 1e6, 1),
        "gb_per_s": round((stream := _stream(clock)) / 1e9, 1),
        "bandwidth_fraction": round(moved * rates["ours"]["decode_b1"] / stream, 3),
    }


def _ratios(rates: dict[str, dict[str, float]], name: str) -> dict[str, float | None]:
    """Our rates over another arm's; None where there is no such arm."""
    theirs = rates.get(name)
    return {what: round(rate / theirs[what], 2) if theirs else None for what, rate in rates["ours"].items()}


def _take_turns(
    arms: dict[str, Any], clock: Callable[[], float], rounds: int, vocabulary: int
) -> dict[str, dict[str, float]]:
    """Best seconds of each arm for each task."""
    dice = random.Random(1)
    best: dict[str, dict[str, float]] = {name: {} for name in arms}

    def timed(name: str, what: str, act: Callable[[], None]) -> None:
        start = clock()
        act()
        best[name][what] = min(best[name].get(what, float("inf")), clock() - start)

    for arm in arms.values():
        arm.read()
    for _ in range(rounds):
        for name, arm in arms.items():
            timed(name, "prefill", arm.read)
    for batch in BATCHES:
        for arm in arms.values():
            arm.prepare(batch)
            arm.decode([0] * batch)
        for _ in range(rounds * (4 if batch == 1 else 2)):
            chosen = [dice.randrange(vocabulary) for _ in range(batch)]
            for name, arm in arms.items():
                timed(name, f"decode_b{batch}", partial(arm.decode, chosen))
    return best


def bytes_a_token(model: LanguageModel) -> int:
    """Bytes of weights that decoding one token alone has to read."""

    def size(part: FeedForward) -> int:
        matrices: list[Any] = [part.gate, part.up, part.down]
        return sum(
            one.weight.nbytes if hasattr(one, "weight") else one.packed.nbytes + one.scale.nbytes for one in matrices
        )

    total = model._weights.head.weight.nbytes
    for layer in model._weights.layers:
        attention, mixing = layer.attention, layer.mixing
        used = (attention.q_a, attention.q_b, attention.kv_a, attention.kv_b, attention.out)
        total += sum(one.weight.nbytes for one in used if one is not None)
        if isinstance(mixing, Experts):
            total += mixing.router.weight.nbytes + mixing.router.text.num_experts_per_tok * size(mixing.experts[0])
            total += size(mixing.shared) if mixing.shared else 0
        else:
            total += size(mixing)
    return total


def _stream(clock: Callable[[], float]) -> float:
    """Bytes a second at which memory is read on as many threads as torch uses."""
    numbers = torch.ones(STREAM // 4)
    best = float("inf")
    for _ in range(6):
        start = clock()
        numbers.sum()
        best = min(best, clock() - start)
    return STREAM / best


async def sharing(folder: Path, requests: int, common: int, unshared: int) -> dict[str, Any]:
    """Seconds until all requests have their first token, with the shared prefix and without."""
    torch.set_num_threads(1)
    with_it = await _first_tokens(folder, requests, common, share=True)
    without = await _first_tokens(folder, unshared, common, share=False)
    whole = without["seconds"] / unshared * requests
    return {
        "requests": requests,
        "shared": with_it,
        "unshared": {**without, "requests": unshared, "seconds_of_all": round(whole, 2)},
        "ratio": round(whole / with_it["seconds"], 1),
    }


async def _first_tokens(folder: Path, requests: int, common: int, share: bool) -> dict[str, Any]:
    model = load(folder, memory_tokens=64 * (common + 64))
    dice = random.Random(2)
    start = [dice.randrange(256) for _ in range(common)]
    prompts = [(*start, *(dice.randrange(256) for _ in range(END))) for _ in range(requests)]
    engine = Engine(model, Limits(max_queued=requests, share_prefixes=share))
    await engine.start()

    async def ask(number: int) -> None:
        sampling = Sampling(max_tokens=1, temperature=0.0)
        async for _ in engine.submit(Request(str(number), prompts[number], sampling)):
            pass

    began = time.process_time()
    await asyncio.gather(*(ask(number) for number in range(requests)))
    seconds = time.process_time() - began
    stats = engine.stats()
    await engine.stop()
    return {
        "seconds": round(seconds, 3),
        "computed_tokens": stats.computed_tokens,
        "cached_tokens": stats.cached_tokens,
    }


def main() -> None:
    """Measures and writes one line of JSON."""
    folder, what, options = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    figures = speed(folder, **options) if what == "speed" else asyncio.run(sharing(folder, **options))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
