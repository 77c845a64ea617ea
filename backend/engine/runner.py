"""What the scheduler asks of a model: one forward pass over pieces of many sequences, over paged latents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from backend.engine.request import Piece


class Runner(Protocol):
    """A loaded model with its cache. Used from one thread only."""

    vocab_size: int
    context_length: int
    """Most tokens of one sequence, prompt and answer together."""
    page_size: int
    """Tokens a page."""
    page_count: int
    """Pages in the cache."""

    def forward(self, pieces: Sequence[Piece]) -> Tensor:
        """Run the pieces, write their latents into their pages, and give logits, float32 [sum of wanted, vocab].

        Rows are in the order of the pieces, within a piece in the order of its tokens. A piece may be a whole prompt,
        a part of one or a single token; all kinds mix in one call. Pieces of one call never depend on each other.
        """
        ...
