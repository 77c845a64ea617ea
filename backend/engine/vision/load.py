"""Loads the tower that sees and its projector from a checkpoint, every tensor checked first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from torch import Tensor

from backend.checkpoint.config import ModelConfig, VisionConfig
from backend.checkpoint.index import AGAIN, Index, read_index
from backend.engine.vision.names import vision_tensors
from backend.engine.vision.tower import Tower
from backend.errors import CheckpointError

if TYPE_CHECKING:
    from backend.engine.request import ImageSpan

FLOATS = ("BF16", "F16", "F32")
LONGEST_SIDE = 512
"""Patches: MoonViT's rotary positions reach no further."""


def load_vision(
    folder: Path, config: ModelConfig, device: str = "cpu", dtype: torch.dtype = torch.bfloat16
) -> Callable[[ImageSpan], Tensor]:
    """What turns an image into its embedding, float32 [length, hidden], on ``device``.

    ``dtype`` is that of the matrix products. Raises CheckpointError for a model that does not see, and for tensors that
    are missing or not as the configuration says.
    """
    vision = config.vision
    if vision is None:
        raise CheckpointError(f"The model in {folder} does not see.", "Take a KimiK25ForConditionalGeneration.")
    _check_sizes(folder, vision)
    tower = Tower(vision, _read(folder, read_index(folder), config, torch.device(device), dtype))
    height, width = vision.merge_kernel_size

    def see(image: ImageSpan) -> Tensor:
        down, across = image.grid
        if not (0 < down <= LONGEST_SIDE and 0 < across <= LONGEST_SIDE) or down % height or across % width:
            raise ValueError(f"a grid of {down} by {across} patches")
        if len(image.pixels) != down * across or image.length * height * width != down * across:
            raise ValueError(f"{len(image.pixels)} patches and {image.length} places for a grid of {down} by {across}")
        return tower(image.pixels.to(device), image.grid)

    return see


def _check_sizes(folder: Path, vision: VisionConfig) -> None:
    if vision.vt_hidden_size % (4 * vision.vt_num_attention_heads):
        raise CheckpointError(
            f"{folder / 'config.json'}: a tower of width {vision.vt_hidden_size} with {vision.vt_num_attention_heads}"
            " heads, whose size is no multiple of 4.",
            AGAIN,
        )
    if vision.mm_hidden_size != vision.vt_hidden_size:
        raise CheckpointError(
            f"{folder / 'config.json'}: the projector takes {vision.mm_hidden_size} values of a patch, the tower gives"
            f" {vision.vt_hidden_size}.",
            AGAIN,
        )


def _read(
    folder: Path, index: Index, config: ModelConfig, device: torch.device, dtype: torch.dtype
) -> dict[str, Tensor]:
    """All tensors of the tower and the projector: matrices as ``dtype``, all else in float32."""
    wanted = vision_tensors(config.vision, config.text.hidden_size)
    by_shard: dict[str, list[str]] = {}
    for name, shape in wanted.items():
        found = index.tensors.get(name)
        if found is None:
            raise CheckpointError(f"{folder}: the tensor {name} {list(shape)} is missing.", AGAIN)
        if found.shape != shape or found.dtype not in FLOATS:
            raise CheckpointError(
                f"{folder / found.file}: the tensor {name} is {found.dtype} {list(found.shape)}, not a float"
                f" {list(shape)}.",
                AGAIN,
            )
        by_shard.setdefault(found.file, []).append(name)
    tensors: dict[str, Tensor] = {}
    for shard, names in by_shard.items():
        with safe_open(folder / shard, "pt") as file:
            for name in names:
                product = name.endswith(".weight") and "norm" not in name and "pos_emb" not in name
                tensors[name] = file.get_tensor(name).to(device, dtype if product else torch.float32)
    return tensors
