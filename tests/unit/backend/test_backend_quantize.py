"""A checkpoint is quantized to Kimi's layout: experts in INT4, all else as it was, and other programs load it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import quantize_steps as steps
import torch
from compressed_tensors.compressors import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationConfig, QuantizationScheme
from quantize_steps import EXPERT, SHAPE, changed, same, source, tensors_of
from torch import Tensor
from transformers import AutoModelForCausalLM

from backend.checkpoint.config import DEEPSEEK, KIMI, read_config
from backend.checkpoint.int4 import dequantize, pack, unpack
from backend.checkpoint.int4 import quantize as int4
from backend.errors import CheckpointError
from backend.quantize import quantize
from backend.quantize import source as source_module
from backend.tiny import make


@pytest.mark.parametrize("architecture", [DEEPSEEK, KIMI])
def test_the_result_is_the_int4_checkpoint_of_the_same_weights(tmp_path: Path, architecture: str) -> None:
    make(tmp_path / "wanted", architecture=architecture, shape=SHAPE)
    quantize(source(tmp_path / "bf16", architecture), tmp_path / "int4")
    assert same(tensors_of(tmp_path / "int4"), tensors_of(tmp_path / "wanted"))
    wanted, found = steps.files_of(tmp_path / "wanted"), steps.files_of(tmp_path / "int4")
    assert found.keys() == wanted.keys() | {"quantize_report.json"}
    for name in wanted:
        if name == "config.json":
            assert json.loads(found[name]) == json.loads(wanted[name])
        elif name.startswith(("tokenizer", "chat_template", "generation", "pre", "processing")):
            assert found[name] == wanted[name]
    assert read_config(tmp_path / "int4").quantization is not None


def test_the_result_does_not_depend_on_the_size_of_the_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quantize(source(tmp_path / "bf16"), tmp_path / "whole")
    monkeypatch.setattr(source_module, "PIECE", 500)
    quantize(tmp_path / "bf16", tmp_path / "pieces")
    whole, pieces = (steps.files_of(tmp_path / name) for name in ("whole", "pieces"))
    for files in (whole, pieces):
        del files["quantize_report.json"]  # sums in another order differ in their last digits
    assert whole == pieces


def test_transformers_loads_the_result_and_answers_as_with_the_unpacked_weights(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    quantize(source(tmp_path / "bf16"), tmp_path / "int4")
    make(tmp_path / "twin", shape=SHAPE, int4=False, twin=True)
    ids = torch.arange(30, 60).unsqueeze(0)
    logits = []
    for name in ("int4", "twin"):
        model, report = AutoModelForCausalLM.from_pretrained(
            tmp_path / name, dtype=torch.bfloat16, output_loading_info=True
        )
        assert not any(report.values())
        with torch.no_grad():
            logits.append(model.eval()(ids).logits.float())
    assert torch.allclose(logits[0], logits[1], atol=0.05)


def test_compressed_tensors_unpacks_the_files_to_our_values(tmp_path: Path) -> None:
    quantize(source(tmp_path / "bf16"), tmp_path / "int4")
    tensors = tensors_of(tmp_path / "int4")
    raw = json.loads((tmp_path / "int4/config.json").read_text())["quantization_config"]
    scheme = QuantizationConfig.model_validate(raw).config_groups["group_0"]
    assert isinstance(scheme, QuantizationScheme)
    module = EXPERT.removesuffix("weight")
    stored = {name: tensors[f"{module}{name}"] for name in ("weight_packed", "weight_scale", "weight_shape")}
    theirs = PackedQuantizationCompressor.decompress(stored, scheme)["weight"]
    assert theirs is not None
    assert torch.equal(theirs, dequantize(stored["weight_packed"], stored["weight_scale"]))


@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_other_floats_become_bf16_but_the_routers_bias(tmp_path: Path, kind: torch.dtype) -> None:
    changed(tmp_path / "src", lambda tensors: {name: one.to(kind) for name, one in tensors.items()})
    before = tensors_of(tmp_path / "src")
    quantize(tmp_path / "src", tmp_path / "int4")
    after = tensors_of(tmp_path / "int4")
    nibbles, scale = int4(before[EXPERT], 32)
    assert torch.equal(after[f"{EXPERT}_packed"], pack(nibbles))
    assert torch.equal(after[f"{EXPERT}_scale"], scale)
    assert torch.equal(after["lm_head.weight"], before["lm_head.weight"].bfloat16())
    bias = "model.layers.1.mlp.gate.e_score_correction_bias"
    assert after[bias].dtype == (torch.float32 if kind == torch.float32 else torch.bfloat16)


def _as_fp8(tensors: dict[str, Tensor], block: int) -> dict[str, Tensor]:
    found = dict(tensors)
    for name, weight in tensors.items():
        if name.endswith("proj.weight"):
            rows, columns = (-(-size // block) for size in weight.shape)
            scale = torch.rand(rows, columns, generator=torch.Generator().manual_seed(1)) * 0.01 + 0.001
            spread = scale.repeat_interleave(block, 0).repeat_interleave(block, 1)[: len(weight), : weight.shape[1]]
            found[name] = (weight.float() / spread).clamp(-448, 448).to(torch.float8_e4m3fn)
            found[f"{name}_scale_inv"] = scale
    return found


@pytest.mark.parametrize("piece", [2**20, 1000])
def test_deepseeks_fp8_is_read_block_by_block(tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 48 do not divide the sizes, and scales lie in other shards than their weights."""
    monkeypatch.setattr(source_module, "PIECE", piece)
    fp8 = {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [48, 48]}
    changed(tmp_path / "src", lambda tensors: _as_fp8(tensors, 48), quantization_config=fp8)
    before = tensors_of(tmp_path / "src")
    quantize(tmp_path / "src", tmp_path / "int4")
    after = tensors_of(tmp_path / "int4")
    assert not [name for name in after if "scale_inv" in name]
    for name in (EXPERT, "model.layers.0.self_attn.o_proj.weight"):
        scale = before[f"{name}_scale_inv"].repeat_interleave(48, 0).repeat_interleave(48, 1)
        weight = before[name].float() * scale[: before[name].shape[0], : before[name].shape[1]]
        if name == EXPERT:
            assert torch.equal(after[f"{name}_packed"], pack(int4(weight, 32)[0]))
        else:
            assert torch.equal(after[name], weight.bfloat16())


def test_the_report_says_how_far_each_layer_is_off(tmp_path: Path) -> None:
    report = quantize(source(tmp_path / "bf16"), tmp_path / "int4")
    before, after = tensors_of(tmp_path / "bf16"), tensors_of(tmp_path / "int4")
    squared = weight = largest = 0.0
    for name in before:
        if name.startswith("model.layers.2.mlp.experts.") and "up_proj" in name:
            codes = int4(before[name], 32)[0].double() - 8
            stored = codes * after[f"{name}_scale"].double().repeat_interleave(32, 1)
            off = stored.bfloat16().double() - before[name].double()
            squared, weight = squared + off.square().sum().item(), weight + before[name].double().square().sum().item()
            largest = max(largest, off.abs().max().item())
    found = report.errors[2, "up_proj"]
    assert found.relative == pytest.approx(math.sqrt(squared / weight), rel=1e-5)
    assert found.largest == pytest.approx(largest, rel=1e-5)
    assert 0.05 < found.relative < 0.15  # what four bits cost on normal weights
    written = json.loads((tmp_path / "int4/quantize_report.json").read_text())
    assert [layer["layer"] for layer in written["layers"]] == [1, 2]
    assert written["layers"][1]["matrices"]["up_proj"]["relative_rms_error"] == found.relative
    assert written["group_size"] == 32


def test_what_was_int4_once_goes_back_to_the_very_same_bits(tmp_path: Path) -> None:
    """Also with the code -8 and with scales of any last bits, which our own choice of scales never gives."""
    make(tmp_path / "int4", shape=SHAPE)
    wanted = tensors_of(tmp_path / "int4")
    nibbles = unpack(wanted[f"{EXPERT}_packed"])
    wanted[f"{EXPERT}_packed"] = pack(torch.where(nibbles == 1, 0, nibbles))
    bits = wanted[f"{EXPERT}_scale"].view(torch.int16)
    wanted[f"{EXPERT}_scale"] = (bits + torch.arange(bits.numel(), dtype=torch.int16).view_as(bits)).view(
        torch.bfloat16
    )
    unpacked = {name: one for name, one in wanted.items() if ".experts." not in name}
    for name in (name.removesuffix("_packed") for name in wanted if name.endswith("_packed")):
        unpacked[name] = dequantize(wanted[f"{name}_packed"], wanted[f"{name}_scale"])
    changed(tmp_path / "bf16", lambda _: unpacked)
    report = quantize(tmp_path / "bf16", tmp_path / "again")
    assert same(tensors_of(tmp_path / "again"), wanted)
    assert all(error.squared == 0 for error in report.errors.values())


def test_layers_that_guess_ahead_are_named_as_left_alone(tmp_path: Path) -> None:
    ahead = "model.layers.3.eh_proj.weight"
    changed(tmp_path / "src", lambda tensors: tensors | {ahead: torch.zeros(64, 128).bfloat16()})
    quantize(tmp_path / "src", tmp_path / "int4")
    raw: dict[str, Any] = json.loads((tmp_path / "int4/config.json").read_text())
    assert raw["quantization_config"]["ignore"][4:] == ["model.layers.3.eh_proj"]
    assert ahead in tensors_of(tmp_path / "int4")


def test_a_checkpoint_of_one_shard_becomes_one_of_one_shard(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    source(tmp_path / "two")
    tensors = tensors_of(tmp_path / "two")
    for path in [*(tmp_path / "two").glob("*.safetensors"), tmp_path / "two/model.safetensors.index.json"]:
        path.unlink()
    save_file(tensors, tmp_path / "two/model.safetensors")
    quantize(tmp_path / "two", tmp_path / "int4")
    make(tmp_path / "wanted", shape=SHAPE)
    assert [path.name for path in (tmp_path / "int4").glob("*.safetensors*")] == ["model.safetensors"]
    assert same(tensors_of(tmp_path / "int4"), tensors_of(tmp_path / "wanted"))


def _nan(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    tensors[EXPERT][3, 5] = math.nan
    return tensors


def _misshapen(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return tensors | {EXPERT: torch.zeros(64, 32).bfloat16()}


def _integers(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return tensors | {EXPERT: torch.zeros(64, 64, dtype=torch.int8)}


def _without_scales(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    found = _as_fp8(tensors, 64)
    del found[f"{EXPERT}_scale_inv"]
    return found


def _without_experts(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: one for name, one in tensors.items() if ".experts." not in name}


FP8 = {"quant_method": "fp8", "weight_block_size": [64, 64]}


@pytest.mark.parametrize(
    ("change", "config", "reason"),
    [
        (_nan, {}, r"experts\.0\.gate_proj.*not finite"),
        (_misshapen, {}, r"is \[64, 32\], not \[64, 64\]"),
        (_integers, {}, "type I8"),
        (_without_experts, {}, "no routed experts"),
        (dict, {"quantization_config": {"quant_method": "gptq"}}, r"quantized already \(gptq\)"),
        (dict, {"quantization_config": "int4"}, "quantized already"),
        (dict, {"quantization_config": {"quant_method": "fp8", "weight_block_size": [0, -1]}}, "quantized already"),
        (_without_scales, {"quantization_config": FP8}, "scale_inv or weight_block_size is missing"),
        (lambda tensors: _as_fp8(tensors, 32), {"quantization_config": FP8}, r"scale_inv is \[2, 2\], not \[1, 1\]"),
        (dict, {"architectures": ["LlamaForCausalLM"]}, "architecture"),
    ],
)
def test_what_cannot_be_quantized_is_refused(
    tmp_path: Path, change: steps.Change, config: dict[str, Any], reason: str
) -> None:
    changed(tmp_path / "src", change, **config)
    with pytest.raises(CheckpointError, match=reason) as refused:
        quantize(tmp_path / "src", tmp_path / "int4")
    assert refused.value.hint
    assert not (tmp_path / "int4/config.json").exists()


def test_one_that_is_int4_already_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "src", architecture=KIMI, shape=SHAPE)
    with pytest.raises(CheckpointError, match=r"quantized already \(compressed-tensors\)"):
        quantize(tmp_path / "src", tmp_path / "int4")
    assert not (tmp_path / "int4").exists()


def test_a_group_that_does_not_divide_the_inputs_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    source(tmp_path / "src")
    with pytest.raises(CheckpointError, match="groups of 128"):
        quantize(tmp_path / "src", tmp_path / "int4", group_size=128)
    assert not (tmp_path / "int4").exists()
