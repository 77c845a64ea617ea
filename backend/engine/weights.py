"""Loads a checkpoint folder as a model that the scheduler can run.

Every tensor is checked against the configuration by name, shape and type before the first is read. Shards are mapped
into memory: matrices stay where they lie in the files, so loading takes no memory beside the cache and what is made
anew (norms and routers in float32, copies that make it faster where memory suffices). Do not change the files of a
checkpoint that is being served.
"""

from __future__ import annotations

import logging
from pathlib import Path

import psutil
import torch

from backend.checkpoint.config import KIMI, ModelConfig, read_config
from backend.engine.model.assembly import Assembly
from backend.engine.model.images import Images, See
from backend.engine.model.model import LanguageModel
from backend.engine.model.speed import hasten
from backend.errors import CheckpointError

DEFAULT_TOKENS = 2**18
"""Tokens that the cache holds if nothing else is said, and memory allows."""
CACHE_SHARE = 0.25
"""Most of the memory that is free now that a cache of unsaid size takes."""
_log = logging.getLogger(__name__)


def load(
    folder: Path,
    *,
    device: str = "cpu",
    memory_tokens: int | None = None,
    page_size: int = 16,
    context: int | None = None,
    cache_type: torch.dtype = torch.bfloat16,
) -> LanguageModel:
    """The model (a ``Runner``) of the checkpoint in ``folder``, on ``device`` ("cpu", "cuda", "cuda:1").

    ``memory_tokens``: tokens that the cache holds for all sequences together; ``context``: most tokens of one, at most
    what the model was made for; ``cache_type``: float32 takes twice the memory and is for comparisons.
    Raises CheckpointError for a checkpoint that is damaged, not of this architecture or that does not fit its
    configuration, and for a context or cache that cannot be had.
    """
    config = read_config(folder)
    where = torch.device(device)
    length = _context(config, context)
    pages = _pages(config, memory_tokens, page_size, where)
    if context is None:
        length = min(length, pages * page_size)
    if pages * page_size < length:
        raise CheckpointError(
            f"A cache of {pages * page_size} tokens cannot hold a context of {length}.",
            "Ask for a larger cache or a shorter context.",
        )
    weights = Assembly(folder, config, where).build(pages, page_size, cache_type)
    native = hasten(config.text, weights, where)
    images = Images(_tower(folder, config, device), config.text.hidden_size)
    _log.info("loaded %s: context %d, cache of %d pages of %d tokens", folder, length, pages, page_size)
    return LanguageModel(config.text, weights, context=length, images=images, native=native)


def _tower(folder: Path, config: ModelConfig, device: str) -> See | None:
    if config.architecture != KIMI or config.vision is None:
        return None
    from backend.engine.vision import load_vision

    return load_vision(folder, config, device)


def _context(config: ModelConfig, wanted: int | None) -> int:
    most = config.text.max_position_embeddings
    if wanted is None:
        return most
    if not 0 < wanted <= most:
        raise CheckpointError(f"A context of {wanted} tokens: this model was made for 1 to {most}.", "Ask for less.")
    return wanted


def _pages(config: ModelConfig, wanted: int | None, page_size: int, device: torch.device) -> int:
    if page_size < 1 or (wanted is not None and wanted < 1):
        raise CheckpointError(f"A cache of {wanted} tokens in pages of {page_size}.", "Both are at least 1.")
    if wanted is None:
        free = psutil.virtual_memory().available if device.type == "cpu" else torch.cuda.mem_get_info(device)[0]
        token = config.text.latent_dim * 2 * config.text.num_hidden_layers
        wanted = max(page_size, min(DEFAULT_TOKENS, int(free * CACHE_SHARE) // token))
    return -(-wanted // page_size)
