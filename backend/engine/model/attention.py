"""Multi-head latent attention (DeepSeek-V2 report, section 2.1) over a paged cache of latents.

A token leaves in the cache one latent and one rotary key that all heads share. Three ways from there to the output,
equal in exact arithmetic:

* ``naive``: keys and values of every head are made of the latents, scores are a plain matrix product. The yardstick.
* ``expanded``: the same through torch's fused attention; for pieces of many tokens.
* ``absorbed``: the query goes through the key matrix and the mixed latent through the value matrix, so that no key
  or value is ever made; for a piece of few tokens after a long past.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.checkpoint.config import TextConfig
from backend.engine.model.batch import Batch
from backend.engine.model.layers import Linear, Norm
from backend.engine.model.rope import attention_scale, rotate

Way = Literal["naive", "expanded", "absorbed"]
QUERY_BLOCK = 512
"""Queries that are masked at once, of a piece that goes on after a past: the mask has as many rows."""
GATHER_LIMIT = 2**24
"""Elements of latents that are laid out for absorbed attention at once (64 MiB)."""


@dataclass(frozen=True, slots=True)
class Attention:
    """One layer's attention. ``q_a`` and ``q_norm`` are None where the query has no low rank."""

    text: TextConfig
    q_a: Linear | None
    q_norm: Norm | None
    q_b: Linear
    kv_a: Linear
    kv_norm: Norm
    kv_b: Linear
    out: Linear
    cache: Tensor
    """bf16 (float32 for comparisons) [pages, page size, latent + rope]."""

    def __call__(self, x: Tensor, batch: Batch, cosine: Tensor, sine: Tensor, way: Way) -> Tensor:
        """float32 [n, hidden] -> float32 [n, hidden]; latents of the batch are written to the cache on the way."""
        query = self._query(x, cosine, sine)
        self._remember(x, batch, cosine, sine)
        mixed = {"naive": self._naive, "expanded": self._expanded, "absorbed": self._absorbed}[way](query, batch)
        return self.out(mixed.flatten(1))

    def _query(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """[n, heads, nope + rope]."""
        low = self.q_norm(self.q_a(x)) if self.q_a is not None and self.q_norm is not None else x
        query = self.q_b(low).view(len(x), self.text.num_attention_heads, -1)
        plain, turned = torch.split(query, [self.text.qk_nope_head_dim, self.text.qk_rope_head_dim], dim=-1)
        return torch.cat((plain, rotate(turned, cosine.unsqueeze(1), sine.unsqueeze(1))), dim=-1)

    def _remember(self, x: Tensor, batch: Batch, cosine: Tensor, sine: Tensor) -> None:
        latent, key = torch.split(self.kv_a(x), [self.text.kv_lora_rank, self.text.qk_rope_head_dim], dim=-1)
        row = torch.cat((self.kv_norm(latent), rotate(key, cosine, sine)), dim=-1)
        self.cache.flatten(0, 1)[batch.slots] = row.to(self.cache.dtype)

    def _pasts(self, query: Tensor, batch: Batch) -> Iterator[tuple[Tensor, Tensor, int]]:
        """Of each piece its queries, the latents [length, latent + rope] up to its end, and where it starts."""
        for piece, first, table, length in zip(batch.pieces, batch.first, batch.tables, batch.lengths, strict=True):
            pages = table[: -(-length // self.cache.shape[1])]
            past = self.cache[pages].flatten(0, 1)[:length]
            yield query[first : first + len(piece.tokens)], past, piece.start

    def _expand(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Keys [heads, length, nope + rope] and values [heads, length, v] of latents, bf16."""
        text = self.text
        past = past.to(self.kv_b.weight.dtype)
        latent, key = torch.split(past, [text.kv_lora_rank, text.qk_rope_head_dim], dim=-1)
        both = F.linear(latent, self.kv_b.weight).view(len(past), text.num_attention_heads, -1).transpose(0, 1)
        plain, value = torch.split(both, [text.qk_nope_head_dim, text.v_head_dim], dim=-1)
        return torch.cat((plain, key.expand(text.num_attention_heads, -1, -1)), dim=-1), value

    def _naive(self, query: Tensor, batch: Batch) -> Tensor:
        """[n, heads, v], in float32 throughout."""
        mixed = []
        weight = self.kv_b.weight.float().view(self.text.num_attention_heads, -1, self.text.kv_lora_rank)
        w_key, w_value = torch.split(weight, [self.text.qk_nope_head_dim, self.text.v_head_dim], dim=1)
        for mine, past, start in self._pasts(query, batch):
            latent, key = torch.split(past.float(), [self.text.kv_lora_rank, self.text.qk_rope_head_dim], dim=-1)
            plain = torch.einsum("tc,hdc->htd", latent, w_key)
            keys = torch.cat((plain, key.expand(len(plain), -1, -1)), dim=-1)
            scores = torch.einsum("nhd,htd->hnt", mine, keys) * attention_scale(self.text)
            scores = scores.masked_fill(~_causal(start, len(mine), len(past), past.device), float("-inf"))
            values = torch.einsum("tc,hdc->htd", latent, w_value)
            mixed.append(torch.einsum("hnt,htd->nhd", scores.softmax(-1), values))
        return torch.cat(mixed)

    def _expanded(self, query: Tensor, batch: Batch) -> Tensor:
        """[n, heads, v]. Scores and sums are float32 inside torch's kernel, operands bf16."""
        mixed = []
        for mine, past, start in self._pasts(query, batch):
            keys, values = self._expand(past)
            # The fused kernel wants one width for all: zeros at the end of a value change nothing.
            values = F.pad(values, (0, keys.shape[-1] - values.shape[-1]))
            step = QUERY_BLOCK if start else len(mine)
            for block in range(0, len(mine), step):
                part = mine[block : block + step].transpose(0, 1).to(keys.dtype)
                mask = _causal(start + block, part.shape[1], len(past), past.device) if start else None
                done = F.scaled_dot_product_attention(
                    part[None], keys[None], values[None], mask, is_causal=not start, scale=attention_scale(self.text)
                )
                mixed.append(done[0, ..., : self.text.v_head_dim].transpose(0, 1).float())
        return torch.cat(mixed)

    def _absorbed(self, query: Tensor, batch: Batch) -> Tensor:
        """[n, heads, v]. Each token is a row of its own, with the past up to itself."""
        text = self.text
        weight = self.kv_b.weight if self.kv_b.wide is None else self.kv_b.wide
        weight = weight.view(text.num_attention_heads, -1, text.kv_lora_rank).float()
        w_key, w_value = torch.split(weight, [text.qk_nope_head_dim, text.v_head_dim], dim=1)
        plain, turned = torch.split(query, [text.qk_nope_head_dim, text.qk_rope_head_dim], dim=-1)
        through = torch.einsum("nhd,hdc->nhc", plain, w_key)
        rows = torch.cat((through, turned), dim=-1)
        owner = torch.tensor([len(piece.tokens) for piece in batch.pieces], device=query.device)
        tables = batch.tables.repeat_interleave(owner, dim=0)
        step = max(1, GATHER_LIMIT // (tables.shape[1] * self.cache.shape[1] * self.cache.shape[2]))
        latents = [
            self._mix_latents(rows[at : at + step], tables[at : at + step], batch.positions[at : at + step])
            for at in range(0, len(rows), step)
        ]
        return torch.einsum("nhc,hdc->nhd", torch.cat(latents), w_value)

    def _mix_latents(self, rows: Tensor, tables: Tensor, positions: Tensor) -> Tensor:
        """Latents [n, heads, latent] weighed by the scores of ``rows`` [n, heads, latent + rope]."""
        past = self.cache[tables].flatten(1, 2).float()
        scores = torch.bmm(rows, past.transpose(1, 2)) * attention_scale(self.text)
        beyond = torch.arange(past.shape[1], device=past.device) > positions.unsqueeze(1)
        # Pages beyond a sequence's end may hold anything, NaN too, which a weight of 0 would let through.
        past = past[..., : self.text.kv_lora_rank].masked_fill(beyond.unsqueeze(-1), 0)
        return torch.bmm(scores.masked_fill(beyond.unsqueeze(1), float("-inf")).softmax(-1), past)


def _causal(start: int, count: int, length: int, device: torch.device) -> Tensor:
    """bool [count, length]: whether the token at ``start + i`` sees position ``j``."""
    return torch.arange(length, device=device) <= torch.arange(start, start + count, device=device).unsqueeze(1)
