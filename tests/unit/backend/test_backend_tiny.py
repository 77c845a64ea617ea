"""A small checkpoint is what every engine loads: shapes, names, tokens, and weights that can be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from quantize_steps import same, tensors_of
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

from backend.checkpoint.config import DEEPSEEK, KIMI, read_config
from backend.checkpoint.index import read_index
from backend.errors import CheckpointError
from backend.tiny import SHAPES, Shape, VisionShape, make

SMALL = Shape(hidden=64, layers=2, heads=2, vision=VisionShape(hidden=32, inner=32, layers=1))
SPECIAL = ["[BOS]", "[EOS]", "<|im_end|>", "<|im_user|>", "<|im_assistant|>"]


def test_a_seed_says_all_of_the_weights(tmp_path: Path) -> None:
    for number, seed in enumerate((3, 3, 4)):
        make(tmp_path / str(number), shape=SMALL, seed=seed)
    first, second, third = (tensors_of(tmp_path / str(number)) for number in range(3))
    assert same(first, second)
    assert not any(torch.equal(first[name], third[name]) for name in first if name.endswith("weight"))


def test_both_architectures_have_one_language_model(tmp_path: Path) -> None:
    make(tmp_path / "text", shape=SMALL)
    make(tmp_path / "sees", shape=SMALL, architecture=KIMI)
    text, sees = tensors_of(tmp_path / "text"), tensors_of(tmp_path / "sees")
    language = {name.removeprefix("language_model."): one for name, one in sees.items() if "language_model." in name}
    assert same(text, language)
    assert {name.split(".")[0] for name in sees} == {"language_model", "vision_tower", "mm_projector"}


def test_only_routed_experts_are_int4_and_lie_in_two_shards(tmp_path: Path) -> None:
    make(tmp_path / "t", shape=SMALL)
    index = read_index(tmp_path / "t")
    packed = [name for name in index.tensors if "weight_packed" in name]
    assert len(packed) == SMALL.experts * 3
    assert all(".mlp.experts." in name for name in packed)
    assert len(index.shards) == 2
    assert {entry.dtype for entry in index.tensors.values()} == {"BF16", "F32", "I32", "I64"}


def test_the_shape_for_benchmarks_has_the_parameters_that_it_says() -> None:
    shape = SHAPES["bench"]
    expert = 3 * shape.hidden * shape.inner * (shape.experts + shape.shared)
    attention = (
        shape.hidden * (shape.q_lora or 0)
        + (shape.q_lora or 0) * shape.heads * (shape.nope + shape.rope)
        + shape.hidden * (shape.kv_lora + shape.rope)
        + shape.kv_lora * shape.heads * (shape.nope + shape.value)
        + shape.heads * shape.value * shape.hidden
    )
    mixtures = (shape.layers - 1) * (expert + shape.hidden * shape.experts)
    whole = 2 * shape.vocab * shape.hidden + mixtures + 3 * shape.hidden * shape.dense_inner + shape.layers * attention
    assert whole == pytest.approx(195.5e6, rel=1e-3)


@pytest.mark.parametrize("shape", [SHAPES["default"], replace(SHAPES["default"], groups=4, reachable_groups=2)])
def test_transformers_loads_it_and_bf16_holds_the_values_of_int4(tmp_path: Path, shape: Shape) -> None:
    torch.set_num_threads(1)
    make(tmp_path / "int4", shape=shape)
    make(tmp_path / "bf16", shape=shape, int4=False, twin=True)
    ids = torch.arange(20, 60).unsqueeze(0)
    logits = []
    for name in ("int4", "bf16"):
        model, report = AutoModelForCausalLM.from_pretrained(
            tmp_path / name, dtype=torch.bfloat16, output_loading_info=True
        )
        assert not any(report.values())
        with torch.no_grad():
            logits.append(model.eval()(ids).logits[0].float())
    assert torch.allclose(logits[0], logits[1], atol=0.05)
    top = logits[1].topk(2).values
    assert (top[:, 0] - top[:, 1]).median() > logits[1].std()  # what is most likely stands out


def test_transformers_loads_the_one_that_sees(tmp_path: Path) -> None:
    make(tmp_path / "t", architecture=KIMI, shape=SMALL)
    model, report = AutoModelForImageTextToText.from_pretrained(tmp_path / "t", output_loading_info=True)
    assert not any(report.values())
    assert model.config.tie_word_embeddings is False
    assert model.config.vision_config.hidden_size == SMALL.vision.hidden


def test_tokens_of_any_text_lead_back_to_it_and_kimis_own_have_their_places(tmp_path: Path) -> None:
    make(tmp_path / "t", shape=SMALL)
    tokenizer = Tokenizer.from_file(str(tmp_path / "t" / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == SMALL.vocab
    text = 'Grüße, 世界! 🙂 {"a": 1}\n\tdef f(): pass'
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    first = SMALL.vocab - 64
    assert [tokenizer.id_to_token(first + place) for place in range(5)] == SPECIAL
    assert tokenizer.encode("<|im_user|>user<|im_middle|>").ids[0] == first + 3
    config = read_config(tmp_path / "t")
    assert (config.text.bos_token_id, config.text.eos_token_id) == (first, (first + 1,))
    assert json.loads((tmp_path / "t/generation_config.json").read_text())["eos_token_id"] == first + 2


def test_calls_and_thoughts_stay_in_decoded_text_and_turns_do_not(tmp_path: Path) -> None:
    make(tmp_path / "t", shape=SMALL)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "t")
    ids = tokenizer("<think>a</think><|tool_call_begin|>b<|im_end|>").input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>a</think><|tool_call_begin|>b"


def test_the_conversation_template_comes_with_it(tmp_path: Path) -> None:
    make(tmp_path / "t", shape=SMALL)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "t")
    ids = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], add_generation_prompt=True)["input_ids"]
    assert tokenizer.decode(ids).startswith("<|im_user|>user<|im_middle|>Hi<|im_end|>")


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="not empty"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=DEEPSEEK):
        make(tmp_path / "t", architecture="LlamaForCausalLM")
    assert not (tmp_path / "t").exists()
