"""What one request remembers from token to token while they are chosen: its dice, what it said, and its grammar."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from backend.engine.request import Sampling

if TYPE_CHECKING:
    from llguidance import LLMatcher

GREEDY_BELOW = 1e-5
"""Temperatures below this one are as good as none, and would only lose precision."""


class Chooser:
    """``fault`` is a sentence once no further token can be chosen. ``matcher`` follows the grammar, if there is one."""

    def __init__(self, sampling: Sampling, matcher: LLMatcher | None = None) -> None:
        self.sampling = sampling
        self.matcher = matcher
        self.fault = ""
        self._random = Random(None if sampling.seed is None else sampling.seed % 2**64)  # it takes -1 for 1
        self._said: Counter[int] = Counter()

    @property
    def greedy(self) -> bool:
        """Whether it takes the most likely token."""
        return self.sampling.temperature < GREEDY_BELOW

    @property
    def cuts(self) -> bool:
        """Whether only the most likely tokens may be chosen."""
        return self.sampling.top_k > 0 or self.sampling.top_p < 1

    @property
    def trouble(self) -> str:
        """What the grammar's library says is wrong, without the dump of its state that follows."""
        error = "" if self.matcher is None else self.matcher.get_error()
        return error.partition("\n")[0][:300]

    def penalties(self) -> dict[int, float]:
        """What to take off the logits of the tokens that were said already (as OpenAI defines the two penalties)."""
        once, each = self.sampling.presence_penalty, self.sampling.frequency_penalty
        if not once and not each:
            return {}
        return {token: once + each * count for token, count in self._said.items()}

    def draw(self) -> float:
        """The next throw, in [0, 1): one a token, so that a seed gives the same tokens in whatever company."""
        return self._random.random()

    def accept(self, token: int) -> bool:
        """``token`` was chosen. True when the grammar is at its end."""
        if self.sampling.presence_penalty or self.sampling.frequency_penalty:
            self._said[token] += 1
        if self.matcher is None:
            return False
        if not self.matcher.consume_token(token):
            self.fault = f"The grammar cannot be followed any further: {self.trouble}"
        return self.matcher.is_stopped()
