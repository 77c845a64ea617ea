"""What is asked of the engine, the same whichever protocol it came by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from backend.engine.request import ImageSpan, Request, Sampling
from backend.errors import ContextTooLong, RequestRefused
from backend.text.answer import Manner

MOST_CHOICES = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """``choices`` answers to one prompt. ``id`` is what the request can be aborted by.

    ``images`` are emptied once the engine has them: it lets go of them when it needs them no more.
    """

    id: str
    prompt: Sequence[int]
    sampling: Sampling
    manner: Manner
    images: list[ImageSpan] = field(default_factory=list)
    client: str = ""
    choices: int = 1
    body: str = ""
    """The id of the body that this is one prompt of, where it has several: all of them can be aborted by it."""

    def requests(self) -> list[Request]:
        """One for each choice; seeds count up, or all of them would say the same."""
        return [self._request(number) for number in range(self.choices)]

    def _request(self, number: int) -> Request:
        seed = self.sampling.seed
        sampling = self.sampling if seed is None else replace(self.sampling, seed=seed + number)
        own = self.id if self.choices == 1 else f"{self.id}-{number}"
        return Request(own, tuple(self.prompt), sampling, tuple(self.images), self.client)


def check_length(tokens: int, most_new: int | None, context: int) -> None:
    """Raises for what does not fit the context, in the words of SGLang, which clients look for."""
    if tokens >= context:
        raise ContextTooLong(tokens, context)
    if most_new is not None and tokens + most_new > context:
        raise RequestRefused(
            f"Requested token count exceeds the model's maximum context length of {context} tokens. You requested a "
            f"total of {tokens + most_new} tokens: {tokens} tokens from the input messages and {most_new} tokens for "
            "the completion.",
            "Reduce the number of tokens in the messages or in the completion.",
        )
