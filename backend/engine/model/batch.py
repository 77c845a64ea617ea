"""Pieces of many sequences laid side by side for one pass, checked on the way in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from backend.engine.request import Piece


@dataclass(frozen=True, slots=True)
class Batch:
    """What a pass runs over; ``n`` is the tokens of all pieces together."""

    pieces: Sequence[Piece]
    tokens: Tensor
    """int64 [n]."""
    positions: Tensor
    """int64 [n]: where each stands in its sequence."""
    slots: Tensor
    """int64 [n]: where its latent lies in the cache, ``page * page_size + offset``."""
    tables: Tensor
    """int64 [pieces, most pages]: page tables, filled up with page 0."""
    first: list[int]
    """Row of each piece's first token."""

    @property
    def lengths(self) -> list[int]:
        """Tokens of each sequence up to and with the piece's last one."""
        return [piece.start + len(piece.tokens) for piece in self.pieces]


def lay_out(pieces: Sequence[Piece], page_size: int, device: torch.device) -> Batch:
    """One batch of all ``pieces``; pages hold ``page_size`` tokens."""
    tokens: list[int] = []
    positions: list[int] = []
    slots: list[int] = []
    first: list[int] = []
    for piece in pieces:
        first.append(len(tokens))
        tokens += piece.tokens
        end = piece.start + len(piece.tokens)
        positions += range(piece.start, end)
        slots += [piece.pages[at // page_size] * page_size + at % page_size for at in range(piece.start, end)]
    needed = [-(-(piece.start + len(piece.tokens)) // page_size) for piece in pieces]
    most = max(needed)
    tables = [piece.pages[:count] + [0] * (most - count) for piece, count in zip(pieces, needed, strict=True)]
    return Batch(
        pieces,
        torch.tensor(tokens, device=device),
        torch.tensor(positions, device=device),
        torch.tensor(slots, device=device),
        torch.tensor(tables, device=device),
        first,
    )


def check(piece: Piece, vocab_size: int, context: int, page_size: int, page_count: int) -> None:
    """Raises ValueError for a piece that would read or write where it must not: a fault of the scheduler."""
    end = piece.start + len(piece.tokens)
    if not piece.tokens or piece.start < 0 or end > context or not 0 <= piece.wanted <= len(piece.tokens):
        raise ValueError(f"a piece of {len(piece.tokens)} tokens at {piece.start}, {piece.wanted} wanted, of {context}")
    if min(piece.tokens) < 0 or max(piece.tokens) >= vocab_size:
        raise ValueError(f"a token outside the vocabulary of {vocab_size}")
    if len(piece.pages) * page_size < end:
        raise ValueError(f"{len(piece.pages)} pages of {page_size} do not reach over {end} tokens")
    if min(piece.pages) < 0 or max(piece.pages) >= page_count:
        raise ValueError(f"a page outside the {page_count} of the cache")
