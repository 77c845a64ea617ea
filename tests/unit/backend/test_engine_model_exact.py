"""The engine's model against transformers' DeepSeek-V3 with the same weights: logits, and what greedy choice makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from engine_model_kit import apart, checkpoint, loaded, one_by_one, pages, prompt, told, whole

from backend.engine.model import compiler
from backend.engine.request import Piece
from backend.testing.reference import reference

CASES = [("k2_heads", False), ("k2_heads", True), ("grouped", False), ("grouped", True)]
cases = pytest.mark.parametrize(("shape", "int4"), CASES)
ways = pytest.mark.parametrize("way", ["compiled", "torch"])


@cases
def test_the_compiled_way_with_a_float32_cache_is_transformers_in_float32(
    shape: str, int4: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is rounded then but sums: whatever formula were wrong would show."""
    model = loaded(monkeypatch, "compiled", checkpoint(shape, int4), torch.float32)
    tokens = prompt(60)
    assert apart(one_by_one(model, tokens), told(shape, int4, tokens)).max() < 1e-4


@ways
@cases
def test_decoding_is_nearer_to_float32_than_transformers_in_bf16_is(
    way: str, shape: str, int4: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_near_as_bf16(one_by_one(loaded(monkeypatch, way, checkpoint(shape, int4)), prompt(60)), shape, int4, 0.5)


@ways
@cases
def test_reading_a_prompt_is_nearer_to_float32_than_transformers_in_bf16_is(
    way: str, shape: str, int4: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_near_as_bf16(whole(loaded(monkeypatch, way, checkpoint(shape, int4)), prompt(60)), shape, int4, 1.0)


def _as_near_as_bf16(ours: torch.Tensor, shape: str, int4: bool, share: float) -> None:
    """The median is compared: where two experts are near ties, rounding may choose the other, in a row or two."""
    exact = told(shape, int4, prompt(60))
    theirs = apart(told(shape, int4, prompt(60), torch.bfloat16), exact)
    mine = apart(ours, exact)
    assert mine.median() <= share * theirs.median()
    assert (mine > 0.15).sum() <= 3, "rows with another expert"


def test_compiled_for_a_processor_without_avx512_it_is_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without those instructions the loops take their general forms."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "-march=native" in compiler.FLAGS
    monkeypatch.setattr(compiler, "FLAGS", tuple(flag.replace("native", "x86-64-v3") for flag in compiler.FLAGS))
    model = loaded(monkeypatch, "compiled", checkpoint("k2_heads", True), torch.float32)
    assert apart(one_by_one(model, prompt(20)), told("k2_heads", True, prompt(20))).max() < 1e-4


def _greedy_of_transformers(shape: str, int4: bool, start: tuple[int, ...]) -> list[int]:
    tokens = list(start)
    for _ in range(64):
        tokens.append(int(told(shape, int4, tokens)[-1].argmax()))
    return tokens[len(start) :]


@cases
def test_64_greedy_tokens_are_those_of_transformers_to_the_last(
    shape: str, int4: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a float32 cache, and the prompt's end of few tokens too, nothing is rounded that could make a tie."""
    model = loaded(monkeypatch, "compiled", checkpoint(shape, int4), torch.float32)
    start = prompt(24, seed=8)
    table = pages(3, 88)
    chosen = [int(model.forward([Piece(list(start), 0, table, 1)]).argmax())]
    while len(chosen) < 64:
        chosen.append(int(model.forward([Piece([chosen[-1]], 23 + len(chosen), table, 1)]).argmax()))
    assert chosen == _greedy_of_transformers(shape, int4, start)


@ways
@cases
def test_64_greedy_tokens_differ_from_transformers_only_at_near_ties(
    way: str, shape: str, int4: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it serves, with a bf16 cache: each choice after what transformers chose before."""
    model = loaded(monkeypatch, way, checkpoint(shape, int4))
    start = prompt(40, seed=8)
    theirs = _greedy_of_transformers(shape, int4, start)
    tokens, table = [*start, *theirs], pages(3, 104)
    ours = [model.forward([Piece(list(start), 0, table, 1)])]
    ours += [model.forward([Piece([tokens[at]], at, table, 1)]) for at in range(40, 103)]
    exact = told(shape, int4, tokens)[39:103]
    chosen = torch.cat(ours).argmax(-1)
    other = chosen != torch.tensor(theirs)
    margins = exact.amax(-1) - exact.gather(1, chosen[:, None])[:, 0]
    assert other.sum() <= 3
    assert margins.max() < 0.5, "a token that was no near tie"


@ways
def test_a_kimi_checkpoints_language_model_is_the_same_model(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kimi = loaded(monkeypatch, way, checkpoint("default", True, kimi=True))
    deepseek = loaded(monkeypatch, way, checkpoint("default", True))
    tokens = prompt(40)
    assert torch.equal(whole(kimi, tokens), whole(deepseek, tokens))


@ways
def test_an_odd_epsilon_is_that_of_the_norms_between_layers_and_not_of_those_inside_attention(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As DeepSeek-V3's own code and transformers have it. Real checkpoints say 1e-6 or 1e-5, where neither shows."""
    folder = tmp_path / "odd"
    shutil.copytree(checkpoint("k2_heads", False), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.3}))
    tokens = prompt(24)
    with torch.inference_mode():
        exact = reference(folder, torch.float32)(torch.tensor([list(tokens)])).logits[0].float()
    model = loaded(monkeypatch, way, folder, torch.float32)
    for logits in (one_by_one(model, tokens), whole(model, tokens)):
        assert apart(logits, exact).max() < (1e-4 if way == "compiled" else 0.15)
    assert apart(told("k2_heads", False, tokens), exact).min() > 0.15, "the epsilon changes nothing"
