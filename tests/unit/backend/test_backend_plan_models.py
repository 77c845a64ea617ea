"""Checkpoint folders as the planner reads them: whole, half downloaded, quantized in many ways, and wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from backend import tiny
from backend.checkpoint.config import DEEPSEEK, KIMI, VisionConfig
from backend.checkpoint.index import read_index
from backend.errors import CheckpointError
from backend.planner.catalogue import KNOWN
from backend.planner.gpu import GIB
from backend.planner.hardware import parse_shorthand
from backend.planner.model import find_model, read_model, shape_of
from backend.planner.parts import vision_bytes
from backend.planner.planner import make_plan
from backend.planner.scheme import read_scheme
from backend.planner.shape import BF16, FP8


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for name, architecture, int4 in (("kimi", KIMI, True), ("deepseek", DEEPSEEK, False)):
        made[name] = tmp_path_factory.mktemp(name) / name
        tiny.make(made[name], architecture=architecture, int4=int4)
    return made


@pytest.mark.parametrize("name", ["kimi", "deepseek"])
def test_a_whole_checkpoint_is_measured_to_the_byte(folders: dict[str, Path], name: str) -> None:
    model = read_model(folders[name])
    assert model.shape.weights.total == read_index(folders[name]).total_bytes
    assert model.notes == ()
    formula = shape_of(json.loads((folders[name] / "config.json").read_text()), "config.json").weights
    for kind in type(formula).model_fields:
        measured, reckoned = getattr(model.shape.weights, kind), getattr(formula, kind)
        # Norms in float32 and the shapes beside packed weights are what formulas leave out.
        assert measured == pytest.approx(reckoned, rel=0.05, abs=2048), kind


def test_a_checkpoint_in_a_folder_is_planned_with_its_path_and_kimis_parsers(folders: dict[str, Path]) -> None:
    found = make_plan(read_model(folders["kimi"]), parse_shorthand("1xRTX 4090"))
    argv = found.commands[0].argv
    assert argv[argv.index("--model-path") + 1] == str(folders["kimi"])
    assert argv[argv.index("--tool-call-parser") + 1] == "kimi_k2"
    assert found.weight_bytes == read_index(folders["kimi"]).total_bytes


def test_a_folder_of_hugging_faces_cache_has_the_name_of_its_repository(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    snapshot = tmp_path / "models--moonshotai--Kimi-K2.6" / "snapshots" / "0123abcd"
    shutil.copytree(folders["kimi"], snapshot)
    assert read_model(snapshot).name == "Kimi-K2.6"


def test_parsers_are_found_by_the_signs_in_the_chat_template(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "some-model"
    shutil.copytree(folders["deepseek"], folder)
    sign = "<|tool_calls_section_begin|>"
    for text, parsers in ((f"{sign} <think>", ("kimi_k2", "kimi_k2")), (sign, ("kimi_k2", "")), ("", ("", ""))):
        (folder / "chat_template.jinja").write_text(text)
        (folder / "tokenizer_config.json").write_text("{}")
        model = read_model(folder)
        assert (model.tools, model.reasoning) == parsers


def test_a_missing_shard_is_planned_by_the_index_and_said(tmp_path: Path) -> None:
    config = KNOWN["Moonlight-16B-A3B"].config
    (tmp_path / "config.json").write_text(json.dumps(config))
    total = 31_920_000_000
    index = {"metadata": {"total_size": total}, "weight_map": {"lm_head.weight": "model-00001-of-00027.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    model = find_model(str(tmp_path))
    assert model.shape.weights.total == total
    assert "not all there" in model.notes[0]
    (tmp_path / "model.safetensors.index.json").unlink()
    assert "configuration alone" in find_model(str(tmp_path)).notes[0]


def test_an_index_that_contradicts_the_configuration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(KNOWN["Moonlight-16B-A3B"].config))
    index = {"metadata": {"total_size": 10 * GIB}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"10\.0 GiB, its sizes say 29\.7 GiB"):
        read_model(tmp_path)


@pytest.mark.parametrize("weight_map", [None, [], {}, {"a": 1}, {"a": "../b.safetensors"}, {"a": []}])
def test_an_index_without_a_usable_map_is_refused(tmp_path: Path, weight_map: object) -> None:
    (tmp_path / "config.json").write_text(json.dumps(KNOWN["Moonlight-16B-A3B"].config))
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(CheckpointError, match="weight_map"):
        read_model(tmp_path)


def test_a_damaged_shard_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folders["deepseek"], broken)
    shard = sorted(broken.glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cut short"):
        read_model(broken)


def test_layers_for_speculative_decoding_are_not_loaded(folders: dict[str, Path], tmp_path: Path) -> None:
    fewer = tmp_path / "fewer"
    shutil.copytree(folders["deepseek"], fewer)
    config = json.loads((fewer / "config.json").read_text())
    config["num_hidden_layers"] -= 1
    (fewer / "config.json").write_text(json.dumps(config))
    weights = read_model(fewer).shape.weights
    assert weights.unused > 0
    assert weights.loaded == read_index(fewer).total_bytes - weights.unused


def test_known_models_are_found_whatever_the_case_and_others_are_refused() -> None:
    assert find_model("moonshotai/kimi-k2.6").name == find_model("KIMI-K2.6").name == "Kimi-K2.6"
    with pytest.raises(CheckpointError, match="neither a folder nor a model"):
        find_model("Kimi-K9")
    with pytest.raises(CheckpointError, match="neither a folder nor a model"):
        find_model("x" * 5000)


def test_the_sizes_of_k26_add_up_to_what_moonshot_publishes() -> None:
    assert shape_of(KNOWN["Kimi-K2.6"].config, "k").weights.total / GIB == pytest.approx(554.3, abs=0.05)


def test_k26_vision_by_hand() -> None:
    """A block: 4 x 1152 x 1152 and 2 x 1152 x 4304 and biases and norms, 27 times; then the projector."""
    block = 4 * 1152 * 1152 + 2 * 1152 * 4304 + (4 * 1152 + 4304 + 1152) + 4 * 1152
    outside = 3 * 14 * 14 * 1152 + 1152 + 64 * 64 * 1152 + 2 * 1152
    projector = 4608 * 4608 + 4608 + 7168 * 4608 + 7168 + 2 * 1152
    assert vision_bytes(VisionConfig(), 7168) == 2 * (27 * block + outside + projector)


@pytest.mark.parametrize(
    ("raw", "bits", "expert_bits", "group"),
    [
        (None, 16, 16, None),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, 4 + 20 / 128, 4 + 20 / 128, 128),
        ({"quant_method": "gptq", "bits": 4, "group_size": 64}, 4 + 20 / 64, 4 + 20 / 64, 64),
        ({"quant_method": "fp8"}, FP8.bits, FP8.bits, None),
        (KNOWN["Kimi-K2.6"].config["text_config"]["quantization_config"], 16, 4.5, 32),
    ],
)
def test_a_quantization_says_its_bits(raw: Any, bits: float, expert_bits: float, group: int | None) -> None:
    scheme = read_scheme(raw, "config.json")
    assert (scheme.bits, scheme.expert_bits, scheme.group) == (bits, expert_bits, group)


@pytest.mark.parametrize(
    "raw",
    [{"quant_method": "magic"}, {"quant_method": "awq", "bits": 3}, {"quant_method": "compressed-tensors"}, {"x": 1}],
)
def test_an_unknown_quantization_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="quantization"):
        read_scheme(raw, "config.json")


def test_an_architecture_that_is_not_known_is_refused_and_those_that_are_named() -> None:
    with pytest.raises(CheckpointError, match="MambaForCausalLM") as error:
        shape_of({"architectures": ["MambaForCausalLM"]}, "config.json")
    assert "Qwen3MoeForCausalLM" in error.value.hint


def test_mixtral_and_dense_models_are_read_by_their_own_names() -> None:
    """Mixtral-8x7B has 46.7 billion parameters, Llama-3.1-8B 8.03."""
    common = {"vocab_size": 32000, "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8}
    mixtral = {**common, "architectures": ["MixtralForCausalLM"], "intermediate_size": 14336, "num_hidden_layers": 32}
    mixtral |= {"num_local_experts": 8, "max_position_embeddings": 32768}
    shape = shape_of(mixtral, "m")
    assert shape.weights.total == pytest.approx(46.7e9 * 2, rel=0.001)
    llama = {**common, "architectures": ["LlamaForCausalLM"], "vocab_size": 128256, "intermediate_size": 14336}
    llama |= {"num_hidden_layers": 32, "max_position_embeddings": 131072}
    dense = shape_of(llama, "l")
    assert dense.weights.total == pytest.approx(8.03e9 * 2, rel=0.001)
    assert (dense.head, dense.experts, dense.scheme) == (128, 0, BF16)


@pytest.mark.parametrize("odd", [{"use_sliding_window": True}, {"mlp_only_layers": [1]}, {"decoder_sparse_step": 2}])
def test_layers_that_are_not_alike_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="not alike"):
        shape_of({**KNOWN["Qwen3-30B-A3B"].config, **odd}, "config.json")
