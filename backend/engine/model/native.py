"""The compiled way of few rows: hands a model's weights and a batch to ``native.cpp`` and calls it.

Its structures are those of the C++ file, field for field. Addresses are of tensors that this object keeps alive.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from backend.checkpoint.config import TextConfig
from backend.engine.model.batch import Batch
from backend.engine.model.experts import Experts
from backend.engine.model.int4 import Int4Linear
from backend.engine.model.layers import FeedForward, Linear, Norm
from backend.engine.model.rope import attention_scale

if TYPE_CHECKING:
    from backend.engine.model.model import Layer

_KINDS = {torch.bfloat16: 0, torch.int32: 1, torch.float32: 2}
_INT, _FLOAT, _ADDRESS = ctypes.c_int32, ctypes.c_float, ctypes.c_void_p


class _Matrix(ctypes.Structure):
    _fields_ = (
        ("data", _ADDRESS),
        ("scale", _ADDRESS),
        ("out", _INT),
        ("width", _INT),
        ("kind", _INT),
        ("groups", _INT),
    )


class _Layer(ctypes.Structure):
    _fields_ = (
        *((name, _ADDRESS) for name in ("attention_norm", "q_norm", "kv_norm", "mixing_norm")),
        *((name, _Matrix) for name in ("q_a", "q_b", "kv_a", "kv_b", "o", "gate", "up", "down", "router")),
        *((name, _ADDRESS) for name in ("bias", "experts", "cache")),
    )


_COUNTS = ("hidden", "heads", "nope", "rope", "value", "latent", "experts", "chosen")
_RULES = ("groups", "best_groups", "normalise", "page_size", "wide_cache")
_FACTORS = ("scaling", "epsilon", "latent_epsilon", "score_scale")


class _Shape(ctypes.Structure):
    _fields_ = (*((name, _INT) for name in (*_COUNTS, *_RULES)), *((name, _FLOAT) for name in _FACTORS))


class _Rows(ctypes.Structure):
    _fields_ = (
        *((name, _ADDRESS) for name in ("x", "cosine", "sine", "positions", "slots", "tables")),
        ("n", _INT),
        ("table_width", _INT),
    )


class Native:
    """The compiled path over one model's layers. ``takes`` says beforehand whether it can."""

    def __init__(self, library: ctypes.CDLL, text: TextConfig, layers: Sequence[Layer]) -> None:
        self._library: Any = library
        self._kept: list[Any] = []
        self._shape = _shape(text, layers[0])
        self._count = len(layers)
        self._layers = (_Layer * self._count)(*(self._layer(layer) for layer in layers))

    @staticmethod
    def takes(text: TextConfig) -> bool:
        """Whether all widths are whole groups of 32 inputs, as the compiled loops want them."""
        shared = text.moe_intermediate_size * max(1, text.n_shared_experts)
        values = text.num_attention_heads * text.v_head_dim
        widths = (text.hidden_size, text.intermediate_size, text.moe_intermediate_size, shared, values)
        ranks = (text.q_lora_rank or 32, text.kv_lora_rank)
        return all(width % 32 == 0 for width in (*widths, *ranks))

    def run(self, x: Tensor, batch: Batch, cosine: Tensor, sine: Tensor) -> None:
        """All layers over ``x`` float32 [n, hidden], in place; latents are written to the cache."""
        tables = batch.tables
        if len(batch.pieces) != len(x):
            counts = torch.tensor([len(piece.tokens) for piece in batch.pieces])
            tables = tables.repeat_interleave(counts, dim=0)
        used = (x, cosine.contiguous(), sine.contiguous(), batch.positions, batch.slots, tables.contiguous())
        rows = _Rows(*(tensor.data_ptr() for tensor in used), len(x), tables.shape[1])
        threads = torch.get_num_threads()
        self._library.run_layers(ctypes.byref(self._shape), self._layers, self._count, ctypes.byref(rows), threads)

    def mix(self, number: int, x: Tensor) -> Tensor:
        """What layer ``number`` makes of ``x`` float32 [n, hidden] behind its norm: experts and shared part."""
        x = x.contiguous()
        y = torch.empty_like(x)
        layer = ctypes.byref(self._layers, number * ctypes.sizeof(_Layer))
        threads = torch.get_num_threads()
        self._library.mix_rows(ctypes.byref(self._shape), layer, len(x), _address(x), _address(y), threads)
        return y

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """float32 [n, out] = ``x`` float32 [n, in] through a bf16 matrix [out, in]."""
        return self.multiply(x, weight, None)

    def multiply(self, x: Tensor, data: Tensor, scale: Tensor | None) -> Tensor:
        """The same through a bf16 matrix, or with ``scale`` through an INT4 one."""
        x = x.contiguous()
        y = torch.empty(len(x), data.shape[0])
        matrix, threads = _matrix(data, scale), torch.get_num_threads()
        self._library.multiply_rows(ctypes.byref(matrix), len(x), _address(x), _address(y), threads)
        return y

    def dequantize(self, packed: Tensor, scale: Tensor) -> Tensor:
        """bf16 [out, in], the same bits as ``backend.checkpoint.int4.dequantize``."""
        dense = torch.empty(packed.shape[0], packed.shape[1] * 8, dtype=torch.bfloat16)
        matrix = _matrix(packed, scale)
        self._library.dequantize(ctypes.byref(matrix), _address(dense), torch.get_num_threads())
        return dense

    def _layer(self, layer: Layer) -> _Layer:
        attention = layer.attention
        here = _Layer(
            attention_norm=self._vector(layer.attention_norm),
            q_norm=self._vector(attention.q_norm),
            kv_norm=self._vector(attention.kv_norm),
            mixing_norm=self._vector(layer.mixing_norm),
            q_a=self._map(attention.q_a),
            q_b=self._map(attention.q_b),
            kv_a=self._map(attention.kv_a),
            kv_b=self._map(attention.kv_b),
            o=self._map(attention.out),
            cache=attention.cache.data_ptr(),
        )
        self._kept.append(attention.cache)
        if isinstance(layer.mixing, Experts):
            self._mixture(here, layer.mixing)
        else:
            here.gate, here.up, here.down = self._three(layer.mixing)
        return here

    def _mixture(self, here: _Layer, mixture: Experts) -> None:
        here.router = self._matrix(_parted(mixture.router.weight))
        self._kept.append(mixture.router.bias)
        here.bias = mixture.router.bias.data_ptr()
        matrices = [matrix for expert in mixture.experts for matrix in self._three(expert)]
        experts = (_Matrix * len(matrices))(*matrices)
        self._kept.append(experts)
        here.experts = ctypes.addressof(experts)
        if mixture.shared is not None:
            here.gate, here.up, here.down = self._three(mixture.shared)

    def _three(self, part: FeedForward) -> tuple[_Matrix, _Matrix, _Matrix]:
        return self._map(part.gate), self._map(part.up), self._map(part.down)

    def _map(self, part: Any) -> _Matrix:
        if part is None:
            return _Matrix()
        if isinstance(part, Int4Linear):
            return self._matrix(part.packed, part.scale)
        assert isinstance(part, Linear)
        return self._matrix(part.weight)

    def _matrix(self, data: Tensor, scale: Tensor | None = None) -> _Matrix:
        self._kept += [data, scale]
        return _matrix(data, scale)

    def _vector(self, norm: Norm | None) -> int | None:
        if norm is None:
            return None
        self._kept.append(norm.weight)
        return norm.weight.data_ptr()


def _matrix(data: Tensor, scale: Tensor | None) -> _Matrix:
    if not data.is_contiguous() or (scale is not None and not scale.is_contiguous()):
        raise ValueError("a matrix that does not lie in one piece")
    out, stored = data.shape
    if scale is None:
        return _Matrix(data.data_ptr(), None, out, stored, _KINDS[data.dtype], 1)
    return _Matrix(data.data_ptr(), scale.data_ptr(), out, stored * 8, _KINDS[data.dtype], scale.shape[1])


def _parted(weight: Tensor) -> Tensor:
    """A float32 matrix as the compiled loops read one: of each 32 inputs the even ones, then the odd ones."""
    return weight.view(len(weight), -1, 16, 2).transpose(-1, -2).reshape(weight.shape)


def _address(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _shape(text: TextConfig, layer: Layer) -> _Shape:
    attention = layer.attention
    return _Shape(
        hidden=text.hidden_size,
        heads=text.num_attention_heads,
        nope=text.qk_nope_head_dim,
        rope=text.qk_rope_head_dim,
        value=text.v_head_dim,
        latent=text.kv_lora_rank,
        experts=text.n_routed_experts,
        chosen=text.num_experts_per_tok,
        groups=text.n_group,
        best_groups=text.topk_group,
        normalise=int(text.norm_topk_prob),
        page_size=attention.cache.shape[1],
        wide_cache=int(attention.cache.dtype == torch.float32),
        scaling=text.routed_scaling_factor,
        epsilon=text.rms_norm_eps,
        latent_epsilon=attention.kv_norm.epsilon,
        score_scale=attention_scale(text),
    )
