"""The language model as the scheduler runs it: one forward pass over pieces of many sequences.

Pieces of few tokens (decoding, and short ends of prompts) go one way, absorbed attention and the compiled path where
there is one; long pieces go the other, expanded attention and bf16 products. Which way a piece goes depends on that
piece alone, never on what else is in the call; and on the compiled path a short piece's result is the same bits
whatever else is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from backend.checkpoint.config import TextConfig
from backend.engine.model.attention import Attention, Way
from backend.engine.model.batch import Batch, check, lay_out
from backend.engine.model.experts import Experts
from backend.engine.model.images import Images
from backend.engine.model.layers import FeedForward, Linear, Norm
from backend.engine.model.rope import Rope

if TYPE_CHECKING:
    from backend.engine.model.native import Native
    from backend.engine.request import Piece

SHORT, SHORT_COMPILED = 1, 32
"""Tokens up to which a piece takes the way of few rows, in torch and where it is compiled."""
FEW_ROWS_AN_EXPERT = 64
"""Rows an expert has on average up to which the compiled way is faster than bf16 products with weights unpacked."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One block: attention, then a dense part or a mixture of experts, each behind its norm."""

    attention_norm: Norm
    attention: Attention
    mixing_norm: Norm
    mixing: FeedForward | Experts


@dataclass(frozen=True, slots=True)
class Weights:
    """All that a checkpoint's language model consists of."""

    embedding: Tensor
    """bf16 [vocab, hidden]."""
    layers: Sequence[Layer]
    norm: Norm
    head: Linear


class LanguageModel:
    """A loaded model with its cache (the contract ``Runner``). ``native`` is the compiled path, if there is one."""

    def __init__(
        self,
        text: TextConfig,
        weights: Weights,
        *,
        context: int,
        images: Images,
        native: Native | None = None,
    ) -> None:
        self.vocab_size = text.vocab_size
        self.context_length = context
        self.page_count, self.page_size = weights.layers[0].attention.cache.shape[:2]
        self._weights = weights
        self._images = images
        self._native = native
        self._short_tokens = SHORT if native is None else SHORT_COMPILED
        self._device = weights.embedding.device
        self._rope = Rope(text, self._device)

    @torch.inference_mode()
    def forward(self, pieces: Sequence[Piece]) -> Tensor:
        """See ``Runner.forward``. Raises ValueError for a piece that breaks the contract; nothing is written then."""
        for piece in pieces:
            check(piece, self.vocab_size, self.context_length, self.page_size, self.page_count)
        short = [number for number, piece in enumerate(pieces) if len(piece.tokens) <= self._short_tokens]
        long = [number for number, piece in enumerate(pieces) if len(piece.tokens) > self._short_tokens]
        rows: dict[int, Tensor] = {}
        for numbers, run in ((short, self._short), (long, self._long)):
            if numbers:
                self._collect([pieces[number] for number in numbers], numbers, run, rows)
        wanted = [rows[number] for number, piece in enumerate(pieces) if piece.wanted]
        if not wanted:
            return torch.empty(0, self.vocab_size)
        return self._logits(torch.cat(wanted)).cpu()

    def _collect(
        self, pieces: list[Piece], numbers: list[int], run: Callable[[Batch], Tensor], rows: dict[int, Tensor]
    ) -> None:
        """Run ``pieces`` and keep the rows of which logits are wanted, under the pieces' numbers."""
        batch = lay_out(pieces, self.page_size, self._device)
        x = run(batch)
        for number, piece, first in zip(numbers, pieces, batch.first, strict=True):
            end = first + len(piece.tokens)
            rows[number] = x[end - piece.wanted : end]

    def _short(self, batch: Batch) -> Tensor:
        if self._native is None:
            return self._pass(batch, "absorbed")
        x = self._embed(batch)
        self._native.run(x, batch, *self._rope.at(batch.positions))
        return x

    def _long(self, batch: Batch) -> Tensor:
        return self._pass(batch, "expanded")

    def _embed(self, batch: Batch) -> Tensor:
        x = self._weights.embedding[batch.tokens].float()
        self._images.place(x, batch)
        return x

    def _pass(self, batch: Batch, way: Way) -> Tensor:
        """All layers in torch, float32 [n, hidden]; the last norm is not yet applied."""
        x = self._embed(batch)
        cosine, sine = self._rope.at(batch.positions)
        for number, layer in enumerate(self._weights.layers):
            x = x + layer.attention(layer.attention_norm(x), batch, cosine, sine, way)
            x = x + self._mix(number, layer, layer.mixing_norm(x))
        return x

    def _mix(self, number: int, layer: Layer, x: Tensor) -> Tensor:
        """Experts of few rows each go the compiled way: bf16 products only pay with many."""
        mixing = layer.mixing
        if self._native is None or not isinstance(mixing, Experts):
            return mixing(x)
        if len(x) * mixing.router.text.num_experts_per_tok <= FEW_ROWS_AN_EXPERT * len(mixing.experts):
            return self._native.mix(number, x)
        return mixing(x)

    def _logits(self, x: Tensor) -> Tensor:
        x = self._weights.norm(x)
        if self._native is not None:
            return self._native.linear(x, self._weights.head.weight)
        return self._weights.head(x)
