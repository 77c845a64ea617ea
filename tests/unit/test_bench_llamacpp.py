"""The checkpoint that llama.cpp is given holds the engine's numbers, under llama.cpp's names and in its shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.checkpoint.config import read_config
from backend.checkpoint.int4 import pack
from backend.testing.reference import _weights
from backend.tiny import SHAPES, make
from benchmarks import llamacpp
from benchmarks.llamacpp_convert import metadata, q4_0, tensors

SHAPE = SHAPES["default"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llamacpp") / "checkpoint"
    make(folder, seed=3)
    return folder


def decoded(blocks: np.ndarray[Any, Any]) -> torch.Tensor:
    """Q4_0 read value by value, as its description says."""
    groups = blocks.reshape(-1, 18)
    values = np.empty((len(groups), 32), np.float32)
    for number, group in enumerate(groups):
        scale = np.frombuffer(group[:2].tobytes(), np.float16)[0]
        for place, byte in enumerate(group[2:]):
            values[number, place] = (int(byte & 15) - 8) * np.float32(scale)
            values[number, place + 16] = (int(byte >> 4) - 8) * np.float32(scale)
    return torch.from_numpy(values.reshape(*blocks.shape[:-1], -1))


def test_int4_becomes_q4_0_without_a_change_of_value() -> None:
    codes = torch.arange(16, dtype=torch.uint8)
    nibbles = torch.cat([codes, codes.flip(0), codes.roll(5), codes.roll(2)]).repeat(2, 1)  # two outputs, 64 inputs
    scale = torch.tensor([[0.5, 0.0078125], [0.013, 1.5]], dtype=torch.bfloat16)
    whole = (nibbles.float() - 8).reshape(2, 2, 32) * scale.float().unsqueeze(-1)
    assert torch.equal(decoded(q4_0(pack(nibbles), scale)), whole.flatten(-2))


@pytest.mark.parametrize("scale", [1e6, 2.0**-40])
def test_a_scale_that_float16_does_not_hold_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="float16"):
        q4_0(pack(torch.zeros(1, 32, dtype=torch.uint8)), torch.tensor([[scale]], dtype=torch.bfloat16))


def test_tensors_have_llamacpps_names_and_shapes(checkpoint: Path) -> None:
    found = {name: tuple(held.shape) for name, held in tensors(checkpoint)}
    heads, latent = SHAPE.heads, SHAPE.kv_lora
    assert found["blk.0.attn_k_b.weight"] == (heads, latent, SHAPE.nope)
    assert found["blk.0.attn_v_b.weight"] == (heads, SHAPE.value, latent)
    assert found["blk.0.attn_kv_a_mqa.weight"] == (latent + SHAPE.rope, SHAPE.hidden)
    assert found["blk.0.ffn_gate.weight"] == (SHAPE.dense_inner, SHAPE.hidden)
    assert found["blk.1.ffn_gate_exps.weight"] == (SHAPE.experts, SHAPE.inner, SHAPE.hidden // 32 * 18)
    assert found["blk.2.ffn_down_exps.weight"] == (SHAPE.experts, SHAPE.hidden, SHAPE.inner // 32 * 18)
    assert found["blk.1.exp_probs_b.bias"] == (SHAPE.experts,)
    assert "blk.0.ffn_gate_inp.weight" not in found
    assert "blk.1.ffn_gate.weight" not in found
    attention, dense, mixing = 10, 3, 8  # norms and matrices of a layer
    assert len(found) == 3 + SHAPE.layers * attention + dense + (SHAPE.layers - 1) * mixing


def test_tensors_hold_the_checkpoints_numbers(checkpoint: Path) -> None:
    found = dict(tensors(checkpoint))
    true = _weights(checkpoint, read_config(checkpoint))
    keys, values = found["blk.1.attn_k_b.weight"], found["blk.1.attn_v_b.weight"]
    assert isinstance(keys, torch.Tensor)
    assert isinstance(values, torch.Tensor)
    both = torch.cat([keys.transpose(1, 2), values], dim=1).flatten(0, 1)
    assert torch.equal(both, true["model.layers.1.self_attn.kv_b_proj.weight"])
    for part, place in (("gate", slice(None, SHAPE.inner)), ("up", slice(SHAPE.inner, None))):
        blocks = found[f"blk.1.ffn_{part}_exps.weight"]
        assert isinstance(blocks, np.ndarray)
        assert torch.equal(decoded(blocks).bfloat16(), true["model.layers.1.mlp.experts.gate_up_proj"][:, place])


def test_the_file_says_the_true_head_sizes_beside_those_of_the_cache(checkpoint: Path) -> None:
    said = metadata(read_config(checkpoint))
    assert said["deepseek2.attention.key_length"] == SHAPE.kv_lora + SHAPE.rope
    assert said["deepseek2.attention.key_length_mla"] == SHAPE.nope + SHAPE.rope
    assert said["deepseek2.attention.head_count_kv"] == 1
    assert said["deepseek2.rope.scaling.yarn_log_multiplier"] == pytest.approx(0.1)
    assert said["deepseek2.rope.scaling.original_context_length"] == SHAPE.context // 64


def test_a_checkpoint_without_int4_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "bf16", int4=False)
    with pytest.raises(ValueError, match="no INT4 experts"):
        next(tensors(tmp_path / "bf16"))


def test_where_there_is_no_llamacpp_it_is_said_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(llamacpp.VARIABLE, str(tmp_path))
    assert str(tmp_path) in (llamacpp.absent() or "")
    with pytest.raises(RuntimeError, match="no libllama"):
        llamacpp.Library()
