"""The nouns that scheduler, model and API share: a request, how to sample, and what comes back of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

FinishReason = Literal["stop", "length", "abort", "error"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a request's tokens are chosen. Stop strings are not here: they are text, and the API watches for them."""

    max_tokens: int | None = None
    """Most tokens to generate; None: until the context is full."""
    temperature: float = 1.0
    """0 is greedy: the most likely token."""
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    min_p: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    """The same seed and the same request give the same tokens, whatever else runs beside it."""
    stop_ids: frozenset[int] = frozenset()
    """Tokens that end the request; the last ``Token`` is then the one that ended it."""
    logprobs: int | None = None
    """None: none; n: that of the chosen token and of the n most likely."""
    prompt_logprobs: int | None = None
    """The same of every token of the prompt but the first; such a request does not use the shared prefix."""
    grammar: str | None = None
    """An llguidance grammar (its serialised JSON form) that the tokens have to follow; None: free."""


@dataclass(frozen=True, slots=True)
class ImageSpan:
    """An image in the prompt: ``length`` placeholder tokens from ``start`` on are replaced by its embedding."""

    start: int
    length: int
    digest: bytes
    """SHA-256 of the decoded pixels and of how they were cut: equal digests share their cache."""
    pixels: Tensor
    """Patches as the vision tower takes them, float32 [patches, 3, patch, patch]."""
    grid: tuple[int, int]
    """Patches down and across, before merging."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the engine is asked. ``id`` is unique among those that are running or waiting."""

    id: str
    prompt: tuple[int, ...]
    sampling: Sampling
    images: tuple[ImageSpan, ...] = ()
    client: str = ""
    """Whom it is for: clients take turns, so that one with a thousand requests does not keep the others out."""


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token. ``top`` are the most likely ones (id, log-probability), best first."""

    id: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Prefilled:
    """The prompt has been read. It comes before the first token, once."""

    prompt_tokens: int
    cached_tokens: int
    """How many of them were already in the cache."""
    logprobs: tuple[Token, ...] = ()
    """Of the prompt's tokens from the second on, when asked for."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more comes. ``error`` is a sentence when the reason is "error"."""

    reason: FinishReason
    completion_tokens: int
    error: str = ""


Event = Prefilled | Token | Finish


@dataclass(slots=True)
class Piece:
    """What one sequence adds to one forward pass: ``tokens`` whose first stands at position ``start``.

    ``pages`` is the sequence's page table: page ``i`` holds positions ``i * page_size`` and on; it already reaches over
    the last of ``tokens``. Logits are wanted of the last ``wanted`` tokens (0 for a prompt that goes on later).
    """

    tokens: list[int]
    start: int
    pages: list[int]
    wanted: int
    images: list[ImageSpan] = field(default_factory=list)
    """Those of which a placeholder is among ``tokens``; positions are the whole prompt's."""
