"""Mixture of experts: the router ``noaux_tc`` with sigmoid scores, and the experts that it sends tokens to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.checkpoint.config import TextConfig
from backend.engine.model.layers import FeedForward


@dataclass(frozen=True, slots=True)
class Router:
    """Which experts a token goes to (DeepSeek-V3 report, section 2.1.2); in float32, as choices are near ties."""

    weight: Tensor
    """float32 [experts, hidden]."""
    bias: Tensor
    """float32 [experts]: it decides who is chosen, never how much they weigh."""
    text: TextConfig

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Experts int64 and their weights float32, both [n, num_experts_per_tok], for ``x`` [n, hidden]."""
        scores = F.linear(x, self.weight).sigmoid()
        chosen = self._within_groups(scores + self.bias).topk(self.text.num_experts_per_tok, dim=-1)[1]
        weights = scores.gather(1, chosen)
        if self.text.norm_topk_prob:
            weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
        return chosen, weights * self.text.routed_scaling_factor

    def _within_groups(self, scores: Tensor) -> Tensor:
        """Only the best groups stay: those whose two best experts have the largest sum."""
        text = self.text
        if text.topk_group == text.n_group:
            return scores
        groups = scores.view(len(scores), text.n_group, -1)
        best = groups.topk(min(2, groups.shape[-1]), dim=-1)[0].sum(-1).topk(text.topk_group, dim=-1)[1]
        keep = torch.zeros(groups.shape[:2], dtype=torch.bool, device=scores.device).scatter_(1, best, True)
        return groups.masked_fill(~keep.unsqueeze(-1), float("-inf")).flatten(1)


@dataclass(frozen=True, slots=True)
class Experts:
    """The mixture of one layer. ``shared`` sees every token."""

    router: Router
    experts: Sequence[FeedForward]
    shared: FeedForward | None

    def __call__(self, x: Tensor) -> Tensor:
        chosen, weights = self.router(x)
        order = chosen.flatten().argsort(stable=True)
        rows = x.bfloat16()[order // chosen.shape[1]]  # what the products take anyway, at half the size
        counts = chosen.flatten().bincount(minlength=len(self.experts)).tolist()
        parts = torch.split(rows, [count for count in counts if count])
        hit = [number for number, count in enumerate(counts) if count]
        out = torch.empty(rows.shape, device=x.device)
        out[order] = torch.cat([self.experts[number](part) for number, part in zip(hit, parts, strict=True)])
        mixed = (out.view(*chosen.shape, -1) * weights.unsqueeze(-1)).sum(1)
        return mixed if self.shared is None else mixed + self.shared(x)
