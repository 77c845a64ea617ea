"""A checkpoint's configuration is checked at the door."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.checkpoint.config import DEEPSEEK, KIMI, parse_config, read_config
from backend.errors import CheckpointError

TEXT: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 128,
    "intermediate_size": 256,
    "moe_intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "q_lora_rank": 64,
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 16,
    "v_head_dim": 32,
    "n_routed_experts": 16,
    "num_experts_per_tok": 4,
    "first_k_dense_replace": 1,
    "max_position_embeddings": 4096,
    "eos_token_id": 7,
}
INT4 = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 32}}},
}


def test_the_older_shape_with_its_keys_at_the_top_is_read() -> None:
    yarn = {"type": "yarn", "factor": 64.0, "original_max_position_embeddings": 4096, "mscale_all_dim": 1.0}
    config = parse_config({"architectures": [DEEPSEEK], **TEXT, "rope_theta": 50000.0, "rope_scaling": yarn}, "x")
    assert config.prefix == ""
    assert config.text.rope_theta == 50000.0
    assert config.text.rope_scaling is not None
    assert config.text.rope_scaling.factor == 64.0
    assert (config.text.qk_head_dim, config.text.latent_dim) == (48, 48)
    assert config.text.eos_token_id == (7,)
    assert [config.text.is_moe(layer) for layer in range(3)] == [False, True, True]


def test_the_newer_shape_with_parts_of_its_own_is_read() -> None:
    raw = {
        "architectures": [KIMI],
        "text_config": {**TEXT, "rope_parameters": {"rope_type": "default", "rope_theta": 1234.0}},
        "vision_config": {"vt_hidden_size": 64},
        "quantization_config": INT4,
        "media_placeholder_token_id": 11,
    }
    config = parse_config(raw, "x")
    assert config.prefix == "language_model."
    assert config.text.rope_theta == 1234.0
    assert config.text.rope_scaling is None
    assert config.vision is not None
    assert config.vision.vt_hidden_size == 64
    assert config.quantization is not None
    assert config.quantization.group_size == 32
    assert config.media_token_id == 11


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM"),
        ({"architectures": None}, "architecture"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"hidden_size": 10**9}, "hidden_size"),
        ({"kv_lora_rank": None}, "kv_lora_rank"),
        ({"num_experts_per_tok": 17}, "num_experts_per_tok"),
        ({"n_group": 3}, "n_group"),
        ({"n_group": 4, "topk_group": 5}, "topk_group"),
        ({"n_group": 4, "topk_group": 1, "num_experts_per_tok": 5}, "num_experts_per_tok"),
        ({"scoring_func": "softmax"}, "scoring_func"),
        ({"attention_bias": True}, "attention_bias"),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, "linear"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quant"),
        ({"quantization_config": {**INT4, "config_groups": {}}}, "config_groups"),
        ({"quantization_config": {**INT4, "weights": {"num_bits": 8}}}, "num_bits"),
        ({"quantization_config": {**INT4, "weights": {"group_size": 48}}}, "group_size"),
        ({"quantization_config": {**INT4, "ignore": ["re:("]}}, "regular expression"),
    ],
)
def test_what_is_not_served_is_refused_by_its_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(CheckpointError) as refused:
        parse_config({"architectures": [DEEPSEEK], **TEXT, **change}, "config.json")
    assert named in refused.value.sentence
    assert refused.value.hint


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"architectures": 3}', "\udcff"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CheckpointError):
        read_config(tmp_path)


def test_a_missing_or_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"pad": " " * (5 * 2**20)}))
    with pytest.raises(CheckpointError, match="larger"):
        read_config(tmp_path)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*TEXT, "rope_scaling", "rope_parameters", "quantization_config", "text_config", "n_group"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=5,
        ),
    ),
    st.sampled_from([DEEPSEEK, KIMI]),
)
def test_any_other_values_are_read_or_refused_and_never_break_it(change: dict[str, Any], architecture: str) -> None:
    raw = {"architectures": [architecture], **TEXT, "text_config": dict(TEXT), **change}
    with contextlib.suppress(CheckpointError):  # anything else fails
        assert parse_config(raw, "x").text.hidden_size > 0
