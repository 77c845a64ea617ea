"""A language model for tests of whatever stands on the engine: tiny, exact, and impossible to please by mistake.

It computes in whole numbers, so that the same context gives the same logits to the last bit, however it was cut into
pieces and whoever ran beside it. And it reads its context out of the pages that it is given: a wrong page table, a page
that somebody else has overwritten, a wrong position or a missing image all give other logits, and so other tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from backend.engine.request import ImageSpan, Piece, Request

_NOTHING = -1
"""What a slot holds that was never written."""


class HashModel:
    """A ``Runner``. ``before`` is called with the pieces of every pass: to count, to hold it up, or to raise.

    ``tokens_run`` are all tokens of all passes, ``passes`` the passes.
    """

    def __init__(
        self,
        *,
        vocab_size: int = 64,
        context_length: int = 256,
        page_size: int = 4,
        page_count: int = 64,
        before: Callable[[Sequence[Piece]], None] | None = None,
    ) -> None:
        self.vocab_size = vocab_size
        self.context_length = context_length
        self.page_size = page_size
        self.page_count = page_count
        self.tokens_run = 0
        self.passes = 0
        self.before = before
        self._slots = torch.full((page_count * page_size,), _NOTHING, dtype=torch.int64)

    def forward(self, pieces: Sequence[Piece]) -> Tensor:
        """Logits, float32 [sum of wanted, vocab]. Raises ValueError for pieces that no scheduler may make."""
        if self.before is not None:
            self.before(pieces)
        self.passes += 1
        rows = []
        for piece in pieces:
            self._check(piece)
            self.tokens_run += len(piece.tokens)
            self._write(piece)
        for piece in pieces:
            rows.append(self._logits(piece))
        return torch.cat(rows)

    def _check(self, piece: Piece) -> None:
        end = piece.start + len(piece.tokens)
        if not piece.tokens or end > self.context_length or len(piece.pages) * self.page_size < end:
            raise ValueError(f"{len(piece.tokens)} tokens at {piece.start} over {len(piece.pages)} pages")
        if len(set(piece.pages)) != len(piece.pages):
            raise ValueError("a page twice in one sequence")
        if not all(0 <= token < self.vocab_size for token in piece.tokens):
            raise ValueError("a token outside the vocabulary")

    def _slots_of(self, piece: Piece, start: int, end: int) -> Tensor:
        size = self.page_size
        return torch.tensor([piece.pages[at // size] * size + at % size for at in range(start, end)])

    def _write(self, piece: Piece) -> None:
        end = piece.start + len(piece.tokens)
        values = torch.tensor(piece.tokens)
        for image in piece.images:
            for at in range(max(image.start, piece.start), min(image.start + image.length, end)):
                values[at - piece.start] = _of_image(image, at - image.start)
        positions = torch.arange(piece.start, end)
        self._slots[self._slots_of(piece, piece.start, end)] = _mix(values * 0x1000003 + positions)

    def _logits(self, piece: Piece) -> Tensor:
        """Of each wanted position: a number made of all before it, spread over the vocabulary."""
        end = piece.start + len(piece.tokens)
        seen = self._slots[self._slots_of(piece, 0, end)]
        states = _mix(seen * 31 + torch.arange(end)).cumsum(0)[end - piece.wanted :]
        spread = _mix(states.unsqueeze(1) + torch.arange(self.vocab_size) * 0x9E3779B1)
        return (spread & 0xFFFF).float() / 0x2000


def alone(model: HashModel, request: Request, count: int) -> list[int]:
    """The first ``count`` greedy tokens of ``request`` by ``model``, used for nothing else: no scheduler, no cache."""
    tokens, pages = list(request.prompt), list(range(model.page_count))
    logits = model.forward([Piece(tokens, 0, pages, 1, list(request.images))])
    while True:
        tokens.append(int(logits[0].argmax()))
        if len(tokens) - len(request.prompt) >= count:
            return tokens[len(request.prompt) :]
        logits = model.forward([Piece(tokens[-1:], len(tokens) - 1, pages, 1)])


def _of_image(image: ImageSpan, at: int) -> int:
    return int.from_bytes(image.digest[:4], "little") + 0x100000000 + at


def _mix(values: Tensor) -> Tensor:
    """Numbers that have nothing to do with each other (the finaliser of SplitMix64, Steele et al., 2014)."""
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        values = (values ^ ((values >> shift) & ((1 << (64 - shift)) - 1))) * factor
    return values ^ ((values >> 31) & ((1 << 33) - 1))
