"""What the tests of the engine's model share: small checkpoints, made once, and ways to run a prompt."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from backend.checkpoint.config import DEEPSEEK, KIMI
from backend.engine.model import compiler
from backend.engine.model.model import LanguageModel
from backend.engine.request import Piece
from backend.engine.weights import load
from backend.testing.reference import reference
from backend.tiny import make
from backend.tiny.shape import SHAPES, Shape

SHAPES_HERE = {
    "k2_heads": SHAPES["k2_heads"],
    "grouped": Shape(q_lora=None, groups=4, reachable_groups=2, experts=16, active=4),
    "default": Shape(),
}
PAGE = 16
_kept = tempfile.TemporaryDirectory(prefix="engine_model_")


@functools.cache
def checkpoint(shape: str, int4: bool, kimi: bool = False) -> Path:
    """A checkpoint that lasts as long as the process."""
    folder = Path(_kept.name) / f"{shape}-{int4}-{kimi}"
    make(folder, architecture=KIMI if kimi else DEEPSEEK, int4=int4, seed=3, shape=SHAPES_HERE[shape])
    return folder


@functools.cache
def yardstick(shape: str, int4: bool, dtype: torch.dtype = torch.float32) -> Any:
    """transformers' model of the same checkpoint."""
    return reference(checkpoint(shape, int4), dtype)


@functools.cache
def prompt(length: int, seed: int = 5) -> tuple[int, ...]:
    """Random tokens of the small vocabulary."""
    return tuple(torch.randint(0, 256, (length,), generator=torch.Generator().manual_seed(seed)).tolist())


def told(shape: str, int4: bool, tokens: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
    """transformers' logits of every token, float32 [tokens, vocab]."""
    with torch.inference_mode():
        logits: Tensor = yardstick(shape, int4, dtype)(torch.tensor([list(tokens)])).logits[0].float()
    return logits


def loaded(
    monkeypatch: pytest.MonkeyPatch, way: str, folder: Path, cache_type: torch.dtype = torch.bfloat16, **options: Any
) -> LanguageModel:
    """The engine's model, "compiled" or on "torch" alone; a missing compiler is a failure here."""
    torch.set_num_threads(1)
    monkeypatch.setenv(compiler.SWITCH, "0" if way == "torch" else "1")
    if way == "compiled":
        assert compiler.compiled() is not None
    return load(folder, memory_tokens=64 * PAGE, page_size=PAGE, context=512, cache_type=cache_type, **options)


def pages(first: int, tokens: int) -> list[int]:
    """A page table over ``tokens``, from page ``first`` on."""
    return list(range(first, first - (-tokens // PAGE)))


def whole(model: LanguageModel, tokens: Sequence[int], table: list[int] | None = None) -> Tensor:
    """Logits of every token, read as one piece."""
    table = pages(0, len(tokens)) if table is None else table
    return model.forward([Piece(list(tokens), 0, table, len(tokens))])


def one_by_one(model: LanguageModel, tokens: Sequence[int], table: list[int] | None = None, start: int = 0) -> Tensor:
    """Logits of every token from ``start`` on, each read as a piece of its own."""
    table = pages(0, len(tokens)) if table is None else table
    return torch.cat([model.forward([Piece([tokens[at]], at, table, 1)]) for at in range(start, len(tokens))])


def apart(ours: Tensor, theirs: Tensor) -> Tensor:
    """The largest difference of each row. Logits have a standard deviation of about 1.5."""
    return (ours - theirs).abs().amax(-1)
