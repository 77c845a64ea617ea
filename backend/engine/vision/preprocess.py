"""From the bytes of an image to the patches that the tower takes, by the rule of Kimi K2.5's processor.

An image is never enlarged. It is shrunk until at most ``MOST_PATCHES`` patches remain and no side has more than
``LONGEST_SIDE``, padded with black at the right and at the bottom to whole pairs of patches, and brought to -1 to 1.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from backend.errors import RequestRefused

if TYPE_CHECKING:
    from torch import Tensor

    from backend.checkpoint.config import VisionConfig

MOST_PATCHES = 16384
LONGEST_SIDE = 512
"""Patches along one side."""
MOST_BYTES = 32 * 2**20
MOST_PIXELS = 64 * 2**20
"""Of the image as it is sent; more than any screen or camera has, and 192 MiB when unpacked."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_MEAN = 0.5
_DEVIATION = 0.5


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image as the tower takes it; ``length`` is how many places it takes in the prompt."""

    pixels: Tensor
    """float32 [patches, 3, patch, patch]."""
    grid: tuple[int, int]
    """Patches down and across."""
    digest: bytes
    """SHA-256 of the pixels and the grid."""
    length: int


def read_image(data: bytes, vision: VisionConfig) -> ReadImage:
    """The image in ``data``, the first one if it moves. Raises RequestRefused (400) for a broken or too large one."""
    image = _decoded(data)
    patch = vision.patch_size
    width, height = _shrunk(image.size, patch)
    down, across = _grid((width, height), vision)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    padded = np.zeros((down * patch, across * patch, 3), dtype=np.uint8)
    padded[:height, :width] = np.asarray(image)
    digest = hashlib.sha256(f"{down} {across} ".encode() + padded.tobytes()).digest()
    normal = (padded.astype(np.float32) / 255 - _MEAN) / _DEVIATION
    cut = normal.reshape(down, patch, across, patch, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, patch, patch)
    length = down * across // math.prod(vision.merge_kernel_size)
    return ReadImage(torch.from_numpy(np.ascontiguousarray(cut)), (down, across), digest, length)


def grid_of(data: bytes, vision: VisionConfig) -> tuple[int, int]:
    """Patches down and across that ``read_image`` will make of ``data``, which is not unpacked for it.

    Raises RequestRefused (400) for what is no image, or too large a one.
    """
    with _reading():
        return _grid(_shrunk(_opened(data).size, vision.patch_size), vision)


def _decoded(data: bytes) -> Image.Image:
    """RGB. The size is looked at before anything is unpacked, so a small file cannot fill the memory."""
    with _reading():
        return _opened(data).convert("RGB")


def _opened(data: bytes) -> Image.Image:
    if len(data) > MOST_BYTES:
        raise RequestRefused(f"An image of {len(data)} bytes; at most {MOST_BYTES} are taken.", "Send a smaller one.")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    _check_size(image)
    return image


@contextmanager
def _reading() -> Iterator[None]:
    """Whatever goes wrong with an image is told as a refusal."""
    try:
        yield
    except RequestRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise RequestRefused("An image that is far too large when unpacked.", "Send a smaller one.") from bomb
    except Exception as broken:  # Pillow's readers raise errors of every kind for a broken file
        kinds = ", ".join(FORMATS)
        raise RequestRefused(f"An image that cannot be read: {str(broken)[:200]}.", f"Send one of {kinds}.") from broken


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if not 0 < width * height <= MOST_PIXELS:
        raise RequestRefused(
            f"An image of {width} by {height} pixels; at most {MOST_PIXELS} pixels are taken.", "Send another one."
        )


def _grid(size: tuple[int, int], vision: VisionConfig) -> tuple[int, int]:
    """Patches down and across of an image of ``size``, width and height, padded to whole pairs."""
    width, height = size
    down, across = (
        -(-length // (vision.patch_size * merged)) * merged
        for length, merged in zip((height, width), vision.merge_kernel_size, strict=True)
    )
    return down, across


def _shrunk(size: tuple[int, int], patch: int) -> tuple[int, int]:
    """Width and height after shrinking to the limits, before padding."""
    patches = math.prod(max(1, length // patch) for length in size)
    longest = LONGEST_SIDE * patch
    scale = min(1.0, math.sqrt(MOST_PATCHES / patches), *(longest / length for length in size))
    width, height = (min(longest, max(1, int(length * scale))) for length in size)
    return width, height
