"""Puts a model's parts together from the tensors of its checkpoint."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from backend.checkpoint.config import ModelConfig
from backend.checkpoint.index import Index, TensorEntry, read_index
from backend.engine.model.attention import Attention
from backend.engine.model.experts import Experts, Router
from backend.engine.model.int4 import Int4Linear
from backend.engine.model.layers import FeedForward, Linear, Map, Norm
from backend.engine.model.model import Layer, Weights
from backend.engine.model.names import Expected, expected, is_left_out, is_packed
from backend.errors import CheckpointError

AGAIN = "Download this file again, or take config.json from the same place as the weights."
LATENT_EPSILON = 1e-6
"""Of the norms inside attention: DeepSeek-V3's own code leaves them at this, whatever ``rms_norm_eps`` says."""
_TYPES = {"BF16": torch.bfloat16, "F32": torch.float32, "I32": torch.int32, "I64": torch.int64}


def check_tensors(folder: Path, config: ModelConfig, index: Index) -> None:
    """Raises CheckpointError for a tensor that is missing, one too many, or not as the configuration says."""
    wanted = expected(config)
    for name, tensor in wanted.items():
        found = index.tensors.get(name)
        if found is None:
            raise CheckpointError(f"{folder}: the tensor {name} {list(tensor.shape)} is missing.", AGAIN)
        _check(folder, name, tensor, found, config)
    for name, found in index.tensors.items():
        if name not in wanted and not is_left_out(config, name):
            raise CheckpointError(f"{folder / found.file}: the tensor {name} has no place in this model.", AGAIN)


def _check(folder: Path, name: str, wanted: Expected, found: TensorEntry, config: ModelConfig) -> None:
    where = f"{folder / found.file}: the tensor {name}"
    if tuple(found.shape) != wanted.shape:
        because = ""
        if name.endswith(".weight_scale") and config.quantization is not None:
            because = f" with a group_size of {config.quantization.group_size}"
        raise CheckpointError(f"{where} is {list(found.shape)}, not {list(wanted.shape)}{because}.", AGAIN)
    if found.dtype not in wanted.dtypes:
        raise CheckpointError(
            f"{where} is {found.dtype}, not {' or '.join(wanted.dtypes)}.", "Take the checkpoint in bf16 or INT4."
        )


class Assembly:
    """Builds the parts of one checkpoint on ``device``."""

    def __init__(self, folder: Path, config: ModelConfig, device: torch.device) -> None:
        self._folder = folder
        self._config = config
        self._device = device
        self._index = read_index(folder)
        self._shards: dict[str, Tensor] = {}
        check_tensors(folder, config, self._index)
        self._check_groups()

    def build(self, pages: int, page_size: int, cache_type: torch.dtype = torch.bfloat16) -> Weights:
        """All parts, with a cache of ``pages`` for each layer. Raises CheckpointError when memory does not suffice."""
        text = self._config.text
        embedding = self._tensor("model.embed_tokens.weight")
        head = embedding if text.tie_word_embeddings else self._tensor("lm_head.weight")
        try:
            shape = (text.num_hidden_layers, pages, page_size, text.latent_dim)
            cache = torch.zeros(shape, dtype=cache_type, device=self._device)
        except RuntimeError as full:
            size = math.prod(shape) * cache_type.itemsize / 2**30
            raise CheckpointError(
                f"There is no memory for a cache of {pages * page_size} tokens ({size:.1f} GiB).", "Ask for less."
            ) from full
        layers = [self._layer(number, cache[number]) for number in range(text.num_hidden_layers)]
        return Weights(embedding, layers, self._norm("model.norm"), Linear(head))

    def _layer(self, number: int, cache: Tensor) -> Layer:
        name = f"model.layers.{number}"
        moe = self._config.text.is_moe(number)
        return Layer(
            self._norm(f"{name}.input_layernorm"),
            self._attention(f"{name}.self_attn", cache),
            self._norm(f"{name}.post_attention_layernorm"),
            self._experts(f"{name}.mlp") if moe else self._three(f"{name}.mlp"),
        )

    def _attention(self, name: str, cache: Tensor) -> Attention:
        text = self._config.text
        low = text.q_lora_rank is not None
        return Attention(
            text,
            q_a=self._linear(f"{name}.q_a_proj") if low else None,
            q_norm=self._norm(f"{name}.q_a_layernorm", LATENT_EPSILON) if low else None,
            q_b=self._linear(f"{name}.q_b_proj" if low else f"{name}.q_proj"),
            kv_a=self._linear(f"{name}.kv_a_proj_with_mqa"),
            kv_norm=self._norm(f"{name}.kv_a_layernorm", LATENT_EPSILON),
            kv_b=self._linear(f"{name}.kv_b_proj"),
            out=self._linear(f"{name}.o_proj"),
            cache=cache,
        )

    def _experts(self, name: str) -> Experts:
        text = self._config.text
        router = Router(
            self._tensor(f"{name}.gate.weight").float(),
            self._tensor(f"{name}.gate.e_score_correction_bias").float(),
            text,
        )
        experts = [self._three(f"{name}.experts.{number}", routed=True) for number in range(text.n_routed_experts)]
        return Experts(router, experts, self._three(f"{name}.shared_experts") if text.n_shared_experts else None)

    def _three(self, name: str, *, routed: bool = False) -> FeedForward:
        make = self._routed if routed else self._linear
        return FeedForward(make(f"{name}.gate_proj"), make(f"{name}.up_proj"), make(f"{name}.down_proj"))

    def _routed(self, name: str) -> Map:
        if not is_packed(self._config, name):
            return self._linear(name)
        shape = self._tensor(f"{name}.weight_shape").tolist()
        packed = self._tensor(f"{name}.weight_packed")
        if shape != [packed.shape[0], packed.shape[1] * 8]:
            raise CheckpointError(f"{self._where(f'{name}.weight_shape')} says {shape}, the weights differ.", AGAIN)
        return Int4Linear(packed, self._tensor(f"{name}.weight_scale"))

    def _linear(self, name: str) -> Linear:
        return Linear(self._tensor(f"{name}.weight"))

    def _norm(self, name: str, epsilon: float | None = None) -> Norm:
        weight = self._tensor(f"{name}.weight").float()
        return Norm(weight, self._config.text.rms_norm_eps if epsilon is None else epsilon)

    def _tensor(self, name: str) -> Tensor:
        """A view of the mapped file on a CPU, a copy on any other device."""
        entry = self._index.tensors[self._config.prefix + name]
        data = self._shard(entry.file)[entry.begin : entry.end]
        dtype = _TYPES[entry.dtype]
        if entry.begin % dtype.itemsize:
            data = data.clone()  # a header of odd length: the bytes do not lie as numbers must
        return data.view(dtype).view(entry.shape).to(self._device)

    def _shard(self, file: str) -> Tensor:
        if file not in self._shards:
            path = self._folder / file
            self._shards[file] = torch.from_file(str(path), size=path.stat().st_size, dtype=torch.uint8)
        return self._shards[file]

    def _where(self, name: str) -> str:
        return f"{self._folder / self._index.tensors[self._config.prefix + name].file}: {name}"

    def _check_groups(self) -> None:
        """Groups must not run over the end of a row: no such checkpoint is known, and no kernel takes one."""
        text, quantization = self._config.text, self._config.quantization
        if quantization is None:
            return
        for width in (text.hidden_size, text.moe_intermediate_size):
            if width % quantization.group_size:
                where = f"{self._folder / 'config.json'}: a group_size of {quantization.group_size}"
                raise CheckpointError(f"{where} does not divide {width}.", AGAIN)
