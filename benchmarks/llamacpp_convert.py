"""A checkpoint as a GGUF file, so that llama.cpp computes with the very numbers that the engine has.

llama.cpp's ``deepseek2`` architecture with the latent cache (MLA): ``kv_b_proj`` becomes one matrix a head for keys,
transposed, and one for values; the experts of a layer become one tensor. INT4 with groups of 32 inputs is Q4_0 with
other bytes: the same codes, and scales as float16, which holds bf16's digits. What is not quantized stays bf16, or is
rounded to Q8_0 on demand. The file has no words: tokens go in and come out as numbers.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from backend.checkpoint.config import ModelConfig, TextConfig, read_config
from backend.checkpoint.index import read_index
from backend.checkpoint.int4 import unpack

ARCHITECTURE = "deepseek2"
GROUP = 32
"""Inputs that share a scale in Q4_0 and in Q8_0."""
SIGMOID = 2
"""``expert_gating_func`` of a router with a sigmoid."""
PARTS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.q_a_proj": "attn_q_a",
    "self_attn.q_a_layernorm": "attn_q_a_norm",
    "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
    "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp",
}
"""A layer's tensors that only change their names."""


def convert(folder: Path, file: Path, rest: str = "BF16") -> None:
    """Write ``file``. ``rest``: how matrices outside the experts are held, "BF16" (as they are) or "Q8_0"."""
    gguf = importlib.import_module("gguf")  # by name: it is there only where llama.cpp is measured
    kinds, quantize = gguf.GGMLQuantizationType, importlib.import_module("gguf.quants").quantize
    writer = gguf.GGUFWriter(file, ARCHITECTURE)
    for key, value in metadata(read_config(folder)).items():
        _ADD[type(value)](writer, key, value)
    for name, held in tensors(folder):
        if isinstance(held, np.ndarray):
            writer.add_tensor(name, held, raw_dtype=kinds.Q4_0)
            continue
        values = held.float().numpy()
        kind = kinds.F32 if held.dtype == torch.float32 else kinds[rest]
        if kind == kinds.Q8_0 and values.shape[-1] % GROUP:
            kind = kinds.BF16
        writer.add_tensor(name, values if kind == kinds.F32 else quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add(method: str) -> Any:
    return lambda writer, key, value: getattr(writer, method)(key, value)


_ADD = {bool: _add("add_bool"), int: _add("add_uint32"), float: _add("add_float32"), str: _add("add_string")}


def metadata(config: ModelConfig) -> dict[str, int | float | str | bool]:
    """What the file says of the model, by llama.cpp's keys. Cached are a latent and a rotated key for all heads: so
    llama.cpp counts one head of keys, and has the true head sizes under ``…_mla``."""
    text = config.text
    said: dict[str, int | float | str | bool] = {
        "vocab_size": text.vocab_size,
        "context_length": text.max_position_embeddings,
        "embedding_length": text.hidden_size,
        "block_count": text.num_hidden_layers,
        "leading_dense_block_count": text.first_k_dense_replace,
        "feed_forward_length": text.intermediate_size,
        "expert_feed_forward_length": text.moe_intermediate_size,
        "expert_count": text.n_routed_experts,
        "expert_used_count": text.num_experts_per_tok,
        "expert_shared_count": text.n_shared_experts,
        "expert_group_count": text.n_group,
        "expert_group_used_count": text.topk_group,
        "expert_weights_scale": text.routed_scaling_factor,
        "expert_weights_norm": text.norm_topk_prob,
        "expert_gating_func": SIGMOID,
        "attention.head_count": text.num_attention_heads,
        "attention.head_count_kv": 1,
        "attention.kv_lora_rank": text.kv_lora_rank,
        "attention.key_length": text.kv_lora_rank + text.qk_rope_head_dim,
        "attention.value_length": text.kv_lora_rank,
        "attention.key_length_mla": text.qk_nope_head_dim + text.qk_rope_head_dim,
        "attention.value_length_mla": text.v_head_dim,
        "attention.layer_norm_rms_epsilon": text.rms_norm_eps,
        **_rope(text),
    }
    if text.q_lora_rank is not None:
        said["attention.q_lora_rank"] = text.q_lora_rank
    return {f"{ARCHITECTURE}.{key}": value for key, value in said.items()} | {"tokenizer.ggml.model": "none"}


def _rope(text: TextConfig) -> dict[str, int | float | str | bool]:
    """Yarn as llama.cpp has it for this architecture: a tenth of ``mscale_all_dim`` makes the scores larger."""
    plain: dict[str, int | float | str | bool] = {
        "rope.dimension_count": text.qk_rope_head_dim,
        "rope.freq_base": text.rope_theta,
    }
    yarn = text.rope_scaling
    if yarn is None:
        return plain
    return plain | {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": yarn.factor,
        "rope.scaling.original_context_length": yarn.original_max_position_embeddings,
        "rope.scaling.yarn_log_multiplier": 0.1 * yarn.mscale_all_dim,
        "rope.scaling.yarn_beta_fast": yarn.beta_fast,
        "rope.scaling.yarn_beta_slow": yarn.beta_slow,
    }


def tensors(folder: Path) -> Iterator[tuple[str, Tensor | np.ndarray[Any, Any]]]:
    """Tensors by llama.cpp's names: float32 or bf16, or Q4_0's bytes [experts, out, in / 32 * 18] of experts.

    Raises ValueError for a checkpoint whose experts are not INT4 in groups of 32.
    """
    config = read_config(folder)
    if config.quantization is None or config.quantization.group_size != GROUP:
        raise ValueError(f"{folder} has no INT4 experts in groups of {GROUP} inputs, which Q4_0 holds")
    found: dict[str, Tensor] = {}
    for shard in read_index(folder).shards:
        found |= load_file(folder / shard)
    found = {name.removeprefix(config.prefix): it for name, it in found.items() if name.startswith(config.prefix)}
    yield "token_embd.weight", found["model.embed_tokens.weight"]
    yield "output_norm.weight", found["model.norm.weight"].float()
    tied = config.text.tie_word_embeddings
    yield "output.weight", found["model.embed_tokens.weight" if tied else "lm_head.weight"]
    for layer in range(config.text.num_hidden_layers):
        whole = f"model.layers.{layer}."
        of_it = {name.removeprefix(whole): it for name, it in found.items() if name.startswith(whole)}
        for name, held in _layer(of_it, config.text, config.text.is_moe(layer)):
            yield f"blk.{layer}.{name}", held


def _layer(of_it: dict[str, Tensor], text: TextConfig, mixes: bool) -> Iterator[tuple[str, Any]]:
    for part, name in PARTS.items():
        if (held := of_it.get(f"{part}.weight")) is not None:
            small = held.dim() == 1 or part == "mlp.gate"  # norms and the router, which llama.cpp wants as float32
            yield f"{name}.weight", held.float() if small else held
    heads = of_it["self_attn.kv_b_proj.weight"]
    heads = heads.reshape(text.num_attention_heads, -1, text.kv_lora_rank)
    keys, values = heads[:, : text.qk_nope_head_dim], heads[:, text.qk_nope_head_dim :]
    yield "attn_k_b.weight", keys.transpose(1, 2).contiguous()
    yield "attn_v_b.weight", values.contiguous()
    if not mixes:
        return
    yield "exp_probs_b.bias", of_it["mlp.gate.e_score_correction_bias"].float()
    for part in ("gate", "up", "down"):
        names = [f"mlp.experts.{expert}.{part}_proj.weight" for expert in range(text.n_routed_experts)]
        yield (
            f"ffn_{part}_exps.weight",
            np.stack([q4_0(of_it[f"{one}_packed"], of_it[f"{one}_scale"]) for one in names]),
        )


def q4_0(packed: Tensor, scale: Tensor) -> np.ndarray[Any, Any]:
    """Q4_0's bytes, uint8 [out, in / 32 * 18]: of each group its scale as float16, then 16 bytes, each with the code
    of one of the first 16 inputs in its low half and that of the input 16 further on in the high half.

    Raises ValueError for a scale that float16 does not hold exactly.
    """
    halves = scale.to(torch.float16)
    if not torch.equal(halves.to(torch.bfloat16), scale) or not bool(halves.isfinite().all()):
        raise ValueError("a scale is too large or too small for float16")
    first, second = unpack(packed).reshape(*scale.shape, 2, GROUP // 2).unbind(-2)
    codes = first | (second << 4)
    whole = torch.cat([halves.unsqueeze(-1).view(torch.uint8), codes], dim=-1)
    return whole.flatten(-2).numpy()
