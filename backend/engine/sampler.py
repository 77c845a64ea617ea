"""Chooses the next token of many sequences from their logits, each by its own rules and its own dice.

What a row gives depends on that row alone, not on the others of the batch: sums run within a row, in one order. The
order of the limits is SGLang's: top-k, then top-p, then min-p, all of the distribution after the temperature.
Log-probabilities told are those of the model itself, before temperature, penalties and grammar.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.engine import grammar
from backend.engine.chooser import Chooser
from backend.engine.request import Token

CANDIDATES = 1024
"""Sorting a vocabulary is dear, and the most likely tokens are almost always enough."""
WORDS_AT_ONCE = 2**22
"""Numbers that are worked on at once, so that a large vocabulary does not take gigabytes."""


def choose(logits: Tensor, choosers: Sequence[Chooser]) -> list[Token]:
    """The next token of each, from ``logits`` float32 [choosers, vocab].

    A chooser whose ``fault`` is set afterwards got no token that means anything.
    """
    ids = torch.zeros(len(choosers), dtype=torch.int64)
    allowed = _restrict(logits, choosers)
    greedy = [row for row, chooser in enumerate(choosers) if chooser.greedy]
    if greedy:
        ids[greedy] = allowed[greedy].argmax(dim=1).cpu()
    for cuts, pick in ((False, _draw), (True, _draw_cut)):
        rows = [row for row, chooser in enumerate(choosers) if not chooser.greedy and chooser.cuts == cuts]
        step = max(1, WORDS_AT_ONCE // logits.shape[1])
        for at in range(0, len(rows), step):
            some = rows[at : at + step]
            ids[some] = pick(allowed[some], [choosers[row] for row in some]).cpu()
    return _tell(logits, ids.tolist(), choosers)


def score(logits: Tensor, ids: Sequence[int], top: int) -> list[Token]:
    """``ids`` with their log-probabilities and the ``top`` most likely ones, from ``logits`` [ids, vocab]."""
    logprobs = torch.log_softmax(logits, dim=1)
    chosen = logprobs.gather(1, torch.tensor(ids, device=logits.device).unsqueeze(1)).squeeze(1).tolist()
    best, order = logprobs.topk(min(top, logits.shape[1]), dim=1)
    tops = [tuple(zip(row, numbers, strict=True)) for row, numbers in zip(order.tolist(), best.tolist(), strict=True)]
    return [Token(*each) for each in zip(ids, chosen, tops, strict=True)]


def _tell(logits: Tensor, ids: list[int], choosers: Sequence[Chooser]) -> list[Token]:
    told = [Token(token) for token in ids]
    for top in {chooser.sampling.logprobs for chooser in choosers} - {None}:
        assert top is not None
        rows = [row for row, chooser in enumerate(choosers) if chooser.sampling.logprobs == top]
        for row, token in zip(rows, score(logits[rows], [ids[row] for row in rows], top), strict=True):
            told[row] = token
    return told


def _restrict(logits: Tensor, choosers: Sequence[Chooser]) -> Tensor:
    """The logits after penalties and grammars; finite somewhere in every row, or its chooser is at fault."""
    bounded = [row for row, chooser in enumerate(choosers) if chooser.matcher is not None]
    penalties = {row: taken for row, chooser in enumerate(choosers) if (taken := chooser.penalties())}
    allowed = logits.clone() if penalties or bounded else logits
    for row, taken in penalties.items():
        amounts = torch.tensor(list(taken.values()), device=logits.device)
        allowed[row, list(taken)] -= amounts
    if bounded:
        matchers = [matcher for row in bounded if (matcher := choosers[row].matcher) is not None]
        mask = grammar.allowed(matchers, logits.shape[1]).to(logits.device)
        allowed[bounded] = allowed[bounded].masked_fill(~mask, -torch.inf)
    empty = (~allowed.amax(dim=1).isfinite()).nonzero().flatten().tolist()
    for row in empty:
        choosers[row].fault = _fault(logits[row], choosers[row])
    return allowed.index_fill(0, torch.tensor(empty, device=logits.device), 0) if empty else allowed


def _fault(logits: Tensor, chooser: Chooser) -> str:
    if not logits.amax().isfinite():
        return (
            "The model's output is not a number: the checkpoint may be damaged, or its numbers too large for its type."
        )
    return f"The grammar allows none of the model's tokens. {chooser.trouble}".strip()


def _heated(logits: Tensor, choosers: Sequence[Chooser]) -> Tensor:
    """Weights of the tokens at each one's temperature, float32, the most likely one 1."""
    temperatures = torch.tensor([chooser.sampling.temperature for chooser in choosers], device=logits.device)
    return ((logits - logits.amax(dim=1, keepdim=True)) / temperatures.unsqueeze(1)).exp_()


def _thrown(sums: Tensor, choosers: Sequence[Chooser]) -> Tensor:
    """Where each one's throw falls below the total of its ``sums`` [n, 1], never on it."""
    throws = torch.tensor([[chooser.draw()] for chooser in choosers], dtype=torch.float64, device=sums.device)
    return torch.minimum(throws * sums, torch.nextafter(sums, torch.zeros_like(sums)))


def _draw(logits: Tensor, choosers: Sequence[Chooser]) -> Tensor:
    """From the whole vocabulary, [n]."""
    weights = _heated(logits, choosers)
    floor = torch.tensor([[chooser.sampling.min_p] for chooser in choosers], device=logits.device)
    sums = weights.masked_fill_(weights < floor, 0).cumsum(dim=1, dtype=torch.float64)
    return torch.searchsorted(sums, _thrown(sums[:, -1:], choosers), right=True).squeeze(1)


def _draw_cut(logits: Tensor, choosers: Sequence[Chooser]) -> Tensor:
    """From the most likely ones, [n]. Rows for which the candidates are not enough are sorted whole."""
    weights = _heated(logits, choosers)
    totals = _sums(weights)
    few = min(CANDIDATES, logits.shape[1])
    best, ids = weights.topk(few, dim=1)
    reached = _sums(best) / totals
    picked = torch.zeros(len(choosers), dtype=torch.int64, device=logits.device)
    for row, chooser in enumerate(choosers):
        wide = not 0 < chooser.sampling.top_k <= few and bool(reached[row] < chooser.sampling.top_p)
        order = weights[row].sort(descending=True, stable=True) if wide else (best[row], ids[row])
        picked[row] = order[1][_draw_sorted(order[0] / totals[row], chooser)]
    return picked


def _sums(rows: Tensor) -> Tensor:
    """Row by row: how a sum over a matrix is split, and so rounded, depends on how many rows it has."""
    return torch.stack([row.sum(dtype=torch.float64) for row in rows])


def _draw_sorted(shares: Tensor, chooser: Chooser) -> Tensor:
    """Which of the descending ``shares`` of the whole, float64 [m]."""
    sampling = chooser.sampling
    sums = shares.cumsum(dim=0)
    keep = (sums - shares < sampling.top_p) & (shares >= sampling.min_p * shares[0])
    if sampling.top_k > 0:
        keep[sampling.top_k :] = False
    last = int(keep.sum()) - 1
    return torch.searchsorted(sums, _thrown(sums[None, last : last + 1], [chooser])[0], right=True)[0]
