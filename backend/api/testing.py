"""A server for tests: the real API, engine and tokenizer, over a model that says what a script tells it to.

A script is told by words of the last message: ``{"weather": "</think>It rains."}``. What it says stands after
``<think>``, which every prompt of Kimi's ends with; with thinking off the prompt has ``</think>`` as well, and so has
the script at its beginning. Prompts without a script get tokens that look random but are always the same.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor

from backend.api.figures import Figures
from backend.api.host import Host
from backend.api.images import Pixels, Sight
from backend.api.main import Server
from backend.api.room import BODY_BYTES, PIXEL_BYTES, Room
from backend.api.service import Model, Service
from backend.checkpoint.config import VisionConfig
from backend.engine.engine import Engine
from backend.engine.limits import Limits
from backend.engine.request import Piece
from backend.engine.testing import HashModel
from backend.text.detokenizer import Detokenizer
from backend.text.signs import spelled
from backend.text.template import read_template
from backend.text.tokenizer import Tokenizer, read_tokenizer

VOCABULARY = 1024
CONTEXT = 2048
VISION = VisionConfig(
    patch_size=14, vt_num_attention_heads=2, vt_num_hidden_layers=1, vt_hidden_size=16, vt_intermediate_size=16
)
_CERTAIN = 1e4


def write_words(folder: Path) -> None:
    """The tokenizer and the chat template of a tiny checkpoint, without the rest of it."""
    from backend.tiny.tokens import tokenizer_config, vocabulary

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary(VOCABULARY).tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config(CONTEXT)))
    template = files("backend.tiny").joinpath("chat_template.jinja").read_text(encoding="utf-8")
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


class ScriptedModel:
    """A ``Runner``. ``before`` is called with the pieces of every pass, on the engine's thread; it may wait."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        script: Mapping[str, str],
        *,
        context_length: int = CONTEXT,
        page_count: int = 1024,
        before: Callable[[Sequence[Piece]], None] | None = None,
    ) -> None:
        self.vocab_size = VOCABULARY
        self.context_length = context_length
        self.page_size = 4
        self.page_count = page_count
        self._model = HashModel(
            vocab_size=VOCABULARY, context_length=context_length, page_count=page_count, before=before
        )
        self._tokenizer = tokenizer
        self._script = dict(script)
        self._think = tokenizer.control("<think>")
        self._end = tokenizer.control("<|im_end|>")
        self._slots = torch.zeros(page_count * self.page_size, dtype=torch.int64)

    def forward(self, pieces: Sequence[Piece]) -> Tensor:
        """As ``HashModel``, but certain of the script's next token where there is a script."""
        logits = self._model.forward(pieces)
        row = 0
        for piece in pieces:
            self._slots[self._places(piece, piece.start)] = torch.tensor(piece.tokens)
            context = self._slots[self._places(piece, 0)].tolist()
            for wanted in range(piece.wanted):
                token = self._next(context[: len(context) - piece.wanted + 1 + wanted])
                if token is not None:
                    logits[row, token] = _CERTAIN
                row += 1
        return logits

    def _places(self, piece: Piece, start: int) -> list[int]:
        end = piece.start + len(piece.tokens)
        return [piece.pages[at // self.page_size] * self.page_size + at % self.page_size for at in range(start, end)]

    def _next(self, context: list[int]) -> int | None:
        if self._think not in context:
            return None
        begin = len(context) - context[::-1].index(self._think)
        said = self._said(context[:begin])
        if said is None:
            return None
        tokens = [*self._tokenizer.encode_template(said), self._end]
        so_far = context[begin:]
        return tokens[len(so_far)] if tokens[: len(so_far)] == so_far and len(so_far) < len(tokens) else self._end

    def _said(self, prompt: list[int]) -> str | None:
        """The script of those words that stand last in the prompt."""
        detokenizer = Detokenizer(self._tokenizer)
        text = spelled("".join(map(detokenizer.feed, prompt)))
        places = {words: text.rfind(words) for words in self._script}
        last = max(places, key=lambda words: places[words], default="")
        return self._script[last] if last and places[last] >= 0 else None


@dataclass(slots=True)
class Played:
    """A running server. ``url`` without a slash at its end; all else is to be looked at, not to be used."""

    url: str
    engine: Engine
    host: Host
    tokenizer: Tokenizer
    bodies: Room
    pixels: Room
    stop: Callable[[], None] = field(default=lambda: None)


def _later(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(work)


@contextmanager
def played(
    folder: Path,
    script: Mapping[str, str],
    *,
    api_key: str = "",
    limits: Limits | None = None,
    before: Callable[[Sequence[Piece]], None] | None = None,
    context: int = CONTEXT,
    largest_body: int = 2**24,
    body_bytes: int = BODY_BYTES,
    pixel_bytes: int = PIXEL_BYTES,
) -> Iterator[Played]:
    """Serves ``script`` with the words of ``folder`` (``write_words``) on a port of its own, in a thread."""
    tokenizer = read_tokenizer(folder)
    runner = ScriptedModel(tokenizer, script, before=before, context_length=context)
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    begun, up = threading.Event(), []
    bodies, pixels = Room(body_bytes, "The bodies"), Room(pixel_bytes, "The images")

    async def serve() -> None:
        figures = Figures()
        engine = Engine(runner, limits, tokenizer.for_grammars(VOCABULARY), figures.observe)
        await engine.start()
        media = tokenizer.control("<|media_pad|>")
        assert media is not None  # write_words has it
        template = read_template(folder)
        model = Model("played", str(folder), context, VOCABULARY, tokenizer, template, Sight(VISION, media))
        host = Host("played")
        server = Server(host, api_key=api_key, drain_s=1.0, largest_body=largest_body, bodies=bodies)
        loop = asyncio.get_running_loop()
        host.opened(Service(engine, model, figures, Pixels(pixels)))
        up.append(Played(url, engine, host, tokenizer, bodies, pixels, partial(_later, loop, server.end)))
        begun.set()
        try:
            await server.serve(sockets=[listening])
        finally:
            await engine.stop()
            if template is not None:
                await asyncio.to_thread(template.close)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="played")
    thread.start()
    try:
        if not begun.wait(60):
            raise RuntimeError("the played server did not come up")
        yield up[0]
    finally:
        for one in up:
            one.stop()
        thread.join()
        listening.close()
