"""Embeddings of images, kept by digest: turns of one conversation and agents with one screenshot pay for it once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from backend.engine.model.batch import Batch

if TYPE_CHECKING:
    from backend.engine.request import ImageSpan

See = Callable[["ImageSpan"], Tensor]
"""The tower that sees: an image's embedding [length, hidden]."""


class Images:
    """The least recently used go first when more than ``limit`` bytes are kept."""

    def __init__(self, see: See | None, hidden: int, limit: int = 256 * 2**20) -> None:
        self._see = see
        self._hidden = hidden
        self._limit = limit
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()
        self._bytes = 0

    def place(self, x: Tensor, batch: Batch) -> None:
        """Put embeddings where the placeholders of the batch's images are in ``x`` [n, hidden]."""
        for piece, first in zip(batch.pieces, batch.first, strict=True):
            self._place(x[first : first + len(piece.tokens)], piece.start, piece.images)

    def _place(self, rows: Tensor, start: int, images: Sequence[ImageSpan]) -> None:
        for image in images:
            low = max(image.start, start)
            high = min(image.start + image.length, start + len(rows))
            if low < high:
                seen = self._embedding(image)[low - image.start : high - image.start]
                rows[low - start : high - start] = seen.to(rows.dtype)

    def _embedding(self, image: ImageSpan) -> Tensor:
        kept = self._kept.get(image.digest)
        if kept is not None:
            self._kept.move_to_end(image.digest)
            return kept
        if self._see is None:
            raise ValueError("an image for a model that does not see")
        seen = self._see(image)
        if seen.shape != (image.length, self._hidden):
            raise ValueError(f"an image of {image.length} placeholders has an embedding of {tuple(seen.shape)}")
        self._keep(image.digest, seen)
        return seen

    def _keep(self, digest: bytes, seen: Tensor) -> None:
        self._kept[digest] = seen
        self._bytes += seen.nbytes
        while self._bytes > self._limit and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
