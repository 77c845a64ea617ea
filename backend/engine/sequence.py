"""A request on its way through the engine: its tokens, how many of them are in the cache, and in which pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from backend.engine.chooser import Chooser
from backend.engine.prefix_tree import Node, page_key
from backend.engine.request import ImageSpan, Request, Token


class Place(Enum):
    """Where a sequence is."""

    WAITING = auto()  # for its turn; it has never run
    RUNNING = auto()  # it has pages
    PREEMPTED = auto()  # it had pages and gave them up to others
    ENDED = auto()


@dataclass(slots=True, eq=False)
class Sequence:
    """``tokens`` are the prompt's and the answer's so far; the first ``computed`` of them lie in ``pages``.

    A prompt that is still being read has many tokens ahead, an answer that is being written exactly one: its newest.
    A sequence that had to give up its pages has all of them ahead again, and goes on as if nothing had happened.
    """

    request: Request
    limit: int
    """Most tokens of the answer."""
    chooser: Chooser
    place: Place = Place.WAITING
    tokens: list[int] = field(init=False)
    computed: int = 0
    pages: list[int] = field(default_factory=list)
    path: list[Node] = field(default_factory=list)
    """The nodes of the prefix tree that keep the first of ``pages``."""
    promised: int = 0
    """Up to which page it was announced that this sequence will compute it."""
    awaits: int | None = None
    """What another sequence computes, and this one waits for instead of computing it too."""
    turn: int = -1
    """When it was first let in; -1: not yet."""
    prefilled: bool = False
    """Whether ``Prefilled`` has been told."""
    cached_tokens: int = 0
    prompt_logprobs: list[Token] = field(default_factory=list)
    _keys: list[bytes] = field(default_factory=list)
    _marks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = list(self.request.prompt)

    @property
    def prompt_length(self) -> int:
        """Tokens of the prompt."""
        return len(self.request.prompt)

    @property
    def generated(self) -> int:
        """Tokens of the answer so far."""
        return len(self.tokens) - len(self.request.prompt)

    @property
    def ahead(self) -> int:
        """Tokens that are not in the cache yet."""
        return len(self.tokens) - self.computed

    @property
    def scores_prompt(self) -> bool:
        """Whether the logits of all its prompt are wanted, so that none of it may come out of the cache."""
        return self.request.sampling.prompt_logprobs is not None and not self.prefilled

    def keys(self, page_size: int, count: int) -> list[bytes]:
        """What the first ``count`` pages hold; they are full."""
        images = [(image.start, image.length, image.digest) for image in self.request.images]
        for page in range(len(self._keys), count):
            first = page * page_size
            self._keys.append(page_key(self.tokens[first : first + page_size], first, images))
        return self._keys[:count]

    def marks(self, page_size: int, count: int) -> list[int]:
        """One number a page that stands for it and all before it. Two prefixes may share one by chance: a hint only."""
        keys = self.keys(page_size, count)
        for page in range(len(self._marks), count):
            self._marks.append(hash((self._marks[-1] if page else 0, keys[page])))
        return self._marks[:count]

    def images(self, start: int, length: int) -> list[ImageSpan]:
        """Those with a placeholder among the ``length`` tokens from ``start`` on."""
        return [i for i in self.request.images if i.start < start + length and start < i.start + i.length]
