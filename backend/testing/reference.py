"""transformers' DeepSeek-V3 with a checkpoint's weights: what the engine is compared with. INT4 is unpacked to bf16."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from backend.checkpoint.config import ModelConfig, read_config
from backend.checkpoint.index import read_index
from backend.checkpoint.int4 import dequantize


def reference(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """A ``DeepseekV3ForCausalLM`` in evaluation mode; its router computes in float32 whatever ``dtype`` is."""
    from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

    config = read_config(folder)
    raw = json.loads((folder / "config.json").read_text())
    raw = {**raw.get("text_config", raw)}
    raw.pop("quantization_config", None)
    with torch.device("meta"):
        model: Any = DeepseekV3ForCausalLM(DeepseekV3Config(**raw))
    weights = {name: tensor.to(dtype) for name, tensor in _weights(folder, config).items()}
    for name in list(weights):
        if ".mlp.gate." in name:
            weights[name] = weights[name].float()
    if config.text.tie_word_embeddings:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    model.load_state_dict(weights, assign=True)
    model.model.rotary_emb = type(model.model.rotary_emb)(model.config)  # not in a checkpoint: it is computed
    return model.eval()


def _weights(folder: Path, config: ModelConfig) -> dict[str, Tensor]:
    """The language model's tensors under transformers' names, which has all experts of a layer in one."""
    found: dict[str, Tensor] = {}
    for shard in read_index(folder).shards:
        found |= load_file(folder / shard)
    found = {name.removeprefix(config.prefix): it for name, it in found.items() if name.startswith(config.prefix)}
    for name in [name for name in found if name.endswith(".weight_packed")]:
        whole = name.removesuffix("_packed")
        found[whole] = dequantize(found.pop(name), found.pop(f"{whole}_scale"))
        del found[f"{whole}_shape"]
    for layer in range(config.text.num_hidden_layers):
        if config.text.is_moe(layer):
            _stack(found, f"model.layers.{layer}.mlp.experts", config.text.n_routed_experts)
    return found


def _stack(found: dict[str, Tensor], name: str, experts: int) -> None:
    def all_of(part: str) -> list[Tensor]:
        return [found.pop(f"{name}.{expert}.{part}.weight") for expert in range(experts)]

    pairs = zip(all_of("gate_proj"), all_of("up_proj"), strict=True)
    found[f"{name}.gate_up_proj"] = torch.stack([torch.cat(pair) for pair in pairs])
    found[f"{name}.down_proj"] = torch.stack(all_of("down_proj"))
