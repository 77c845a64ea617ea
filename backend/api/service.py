"""A served model: makes prompts, hands requests to the engine, and keeps the figures that the engine does not know."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.api.asked import Asked, check_length
from backend.api.choice import Choice, Ended, Stream, Told, choice_of
from backend.api.figures import Figures
from backend.api.images import Pixels, Sight, placed
from backend.engine.request import ImageSpan, Prefilled, Request
from backend.engine.stats import Stats
from backend.errors import RequestRefused
from backend.text.conversation import Conversation, Prompter
from backend.text.grammar import Form, grammar
from backend.text.template import ChatTemplate
from backend.text.tokenizer import Tokenizer

MOST_ID = 128  # characters
READERS = 4  # images being unpacked at a time, each with up to some hundred MiB
Piece = Prefilled | Told | Ended


class Engine(Protocol):
    """What is asked of the engine; ``backend.engine.engine.Engine`` is it."""

    def submit(self, request: Request) -> Stream:
        """Raises ContextTooLong and QueueFull."""
        ...

    def stats(self) -> Stats:
        """How busy it is, and totals."""
        ...

    async def flush(self, wait_seconds: float = 0.0) -> bool:
        """Forgets what the cache knows, unless requests run or wait. Raises EngineStopped."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of the checkpoint. ``context`` is in tokens, prompt and answer together."""

    name: str
    folder: str
    context: int
    vocab_size: int
    tokenizer: Tokenizer
    template: ChatTemplate | None
    sight: Sight | None = None
    architecture: str = ""
    load_seconds: float = 0.0
    defaults: Mapping[str, float] = field(default_factory=dict)
    """How tokens are chosen where a request does not say: ``temperature``, ``top_p`` of generation_config.json."""


@dataclass(frozen=True, slots=True)
class Made:
    """A prompt with its images, and whether the answer begins inside the thoughts."""

    tokens: list[int]
    images: tuple[ImageSpan, ...]
    thinking: bool


class Service:
    """One engine and its model. Used from one event loop."""

    def __init__(self, engine: Engine, model: Model, figures: Figures, pixels: Pixels | None = None) -> None:
        self.engine = engine
        self.model = model
        self.figures = figures
        self.pixels = pixels or Pixels()
        self.started = time.time()
        self._prompter = Prompter(model.tokenizer, model.template)
        self._reading = asyncio.Semaphore(READERS)
        self._running: dict[str, list[Stream]] = {}
        self._bodies: dict[str, str] = {}

    async def made(self, conversation: Conversation, urls: Sequence[str] = ()) -> Made:
        """A prompt from messages, with the images of their parts in order. Raises RequestRefused, NoRoom."""
        prompt = await asyncio.to_thread(self._prompter.prompt, conversation)
        if not urls:
            return Made(prompt.tokens, (), prompt.thinking)
        async with self._reading:
            tokens, images = await asyncio.to_thread(placed, prompt.tokens, urls, self.model.sight, self.pixels)
        return Made(tokens, images, prompt.thinking)

    async def encoded(self, text: str) -> list[int]:
        """A raw prompt's tokens; unlike in messages, names of control tokens in it are those tokens."""
        return await asyncio.to_thread(self.model.tokenizer.encode_template, text)

    async def grammar(self, form: Form) -> str | None:
        """The grammar of what is asked of an answer. Raises RequestRefused."""
        return await asyncio.to_thread(grammar, form, self.model.tokenizer)

    def begin(self, asked: Asked) -> list[Choice]:
        """Hands the request over, all of its choices or none. Raises RequestRefused."""
        if asked.id in self._running:
            raise RequestRefused(f"A request with the id {asked.id} is running already.", "Give each its own id.")
        check_length(len(asked.prompt), asked.sampling.max_tokens, self.model.context)
        streams: list[Stream] = []
        try:
            for request in asked.requests():
                streams.append(self.engine.submit(request))
        except BaseException:
            for stream in streams:
                stream.cancel()
            raise
        asked.images.clear()
        self._running[asked.id] = streams
        self._bodies[asked.id] = asked.body or asked.id
        return [choice_of(index, one, asked, self.model.tokenizer) for index, one in enumerate(streams)]

    async def told(self, asked: Asked, choices: Sequence[Choice]) -> AsyncIterator[tuple[Choice, Piece]]:
        """What all choices tell, as it comes. All are cancelled when nobody reads on."""
        if len(choices) == 1:
            async with aclosing(self._one(asked, choices[0])) as pieces:
                async for piece in pieces:
                    yield choices[0], piece
            return
        told: asyncio.Queue[tuple[Choice, Piece] | None] = asyncio.Queue()
        tasks = [asyncio.ensure_future(self._into(told, asked, choice)) for choice in choices]
        left = len(tasks)
        try:
            while left:
                found = await told.get()
                if found is None:
                    left -= 1
                else:
                    yield found
            await asyncio.gather(*tasks)
        finally:
            self.drop(asked, choices)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _into(self, told: asyncio.Queue[tuple[Choice, Piece] | None], asked: Asked, choice: Choice) -> None:
        try:
            async with aclosing(self._one(asked, choice)) as pieces:
                async for piece in pieces:
                    told.put_nowait((choice, piece))
        finally:
            told.put_nowait(None)

    async def _one(self, asked: Asked, choice: Choice) -> AsyncGenerator[Piece, None]:
        """One choice's pieces; its figures are kept."""
        try:
            async for piece in choice.told():
                yield piece
        finally:
            self.figures.ended(len(asked.prompt), len(choice.output), cut=choice.cut)
            self.drop(asked, [choice])

    def drop(self, asked: Asked, choices: Sequence[Choice]) -> None:
        """Ends what is still running of these choices. May be called again."""
        for choice in choices:
            choice.stream.cancel()
            self._forget(asked.id, choice.stream)

    def _forget(self, asked_id: str, stream: Stream) -> None:
        left = [one for one in self._running.get(asked_id, []) if one is not stream]
        if left:
            self._running[asked_id] = left
        else:
            self._running.pop(asked_id, None)
            self._bodies.pop(asked_id, None)

    def abort(self, asked_id: str, *, everything: bool = False) -> int:
        """Ends a request by its id or that of its body, or all of them; how many answers were ended."""
        ids = [one for one in self._running if everything or asked_id in (one, self._bodies[one])]
        streams = [stream for one in ids for stream in self._running[one]]
        for stream in streams:
            stream.cancel()
        return len(streams)

    async def flush(self, wait_seconds: float) -> None:
        """Forgets what the cache knows. Raises RequestRefused while there are requests, after waiting for their end."""
        if not await self.engine.flush(wait_seconds):
            raise RequestRefused(
                "The cache is not flushed while requests run or wait.",
                "Try again when there are none, or say with ?timeout=SECONDS how long to wait for their end.",
            )

    @property
    def running(self) -> list[str]:
        """Ids of the requests that are not at their end."""
        return list(self._running)

    def new_id(self, prefix: str, wanted: str | None) -> str:
        """An id for a request: what the client wants if it can be one, else a new one."""
        if wanted and len(wanted) <= MOST_ID and wanted.isprintable():
            return wanted
        return f"{prefix}{uuid.uuid4().hex}"

    def named(self, asked: str) -> str:
        """The model's name in an answer: as the client wrote it, for it may compare the two."""
        return asked if asked and len(asked) <= MOST_ID and asked.isprintable() else self.model.name

    def stats(self) -> Stats:
        """The engine's figures."""
        return self.engine.stats()


def usage_of(choices: Sequence[Choice], prompt_tokens: int) -> dict[str, Any]:
    """OpenAI's usage of choices that have ended; the prompt counts once, however many answers it had."""
    completion = sum(len(choice.output) for choice in choices)
    thought = sum(choice.answer.thought_tokens for choice in choices)
    cached = max((choice.cached_tokens for choice in choices[:1]), default=0)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thought},
        "reasoning_tokens": thought,
    }
