"""Makes a model out of a checkpoint folder: everything of it but the weights' own affairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from backend.api.images import Sight
from backend.api.service import Model
from backend.checkpoint.config import ModelConfig, read_config
from backend.engine.runner import Runner
from backend.errors import CheckpointError
from backend.text.template import read_template
from backend.text.tokenizer import Tokenizer, read_tokenizer
from backend.text.vocabulary import read_json

if TYPE_CHECKING:
    from llguidance import LLTokenizer

Progress = Callable[[str, float], None]
_DEFAULTS = {"temperature": (0.0, 100.0), "top_p": (1e-6, 1.0)}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a checkpoint is to be loaded. None: as much as the checkpoint, or the memory, allows."""

    name: str = ""
    context: int | None = None
    memory_tokens: int | None = None
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, what runs it, and its tokenizer for grammars."""

    model: Model
    runner: Runner
    lltokenizer: LLTokenizer


def load(folder: Path, settings: Settings, progress: Progress) -> Loaded:
    """Reads the checkpoint in ``folder``; small files first, so that what is wrong is told soon.

    Raises CheckpointError.
    """
    begun = monotonic()
    progress("Reading the tokenizer and the chat template.", 0.0)
    config = read_config(folder)
    tokenizer = read_tokenizer(folder)
    _check_sizes(folder, config, tokenizer)
    template = read_template(folder)
    if template is not None:
        template.check()
    progress("Loading the engine.", 0.05)
    from backend.engine.weights import load as load_weights

    progress("Loading the weights.", 0.1)
    runner = load_weights(
        folder, device=settings.device, memory_tokens=settings.memory_tokens, context=settings.context
    )
    progress("Preparing grammars.", 0.9)
    lltokenizer = tokenizer.for_grammars(runner.vocab_size)
    model = Model(
        name=settings.name or folder.resolve().name,
        folder=str(folder),
        context=runner.context_length,
        vocab_size=runner.vocab_size,
        tokenizer=tokenizer,
        template=template,
        sight=_sight(config),
        architecture=config.architecture,
        load_seconds=monotonic() - begun,
        defaults=_defaults(folder),
    )
    return Loaded(model, runner, lltokenizer)


def _check_sizes(folder: Path, config: ModelConfig, tokenizer: Tokenizer) -> None:
    if tokenizer.size > config.text.vocab_size:
        raise CheckpointError(
            f"{folder}: its tokenizer has {tokenizer.size} tokens, its model only {config.text.vocab_size}.",
            "Take both from the same place.",
        )


def _sight(config: ModelConfig) -> Sight | None:
    if config.vision is None or config.media_token_id is None:
        return None
    return Sight(config.vision, config.media_token_id)


def _defaults(folder: Path) -> dict[str, float]:
    """What generation_config.json says of the choice of tokens, where it makes sense."""
    path = folder / "generation_config.json"
    said: dict[str, Any] = read_json(path) if path.is_file() else {}
    found: dict[str, float] = {}
    for name, (low, high) in _DEFAULTS.items():
        value = said.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
            found[name] = float(value)
    return found
