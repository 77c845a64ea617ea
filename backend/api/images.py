"""Images in messages: data URLs only, of bounded size, put where the template left a placeholder for each.

What they take once they are unpacked is bounded too, for each request and for all together.
"""

from __future__ import annotations

import base64
import binascii
import math
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backend.api.room import PIXEL_BYTES, Room
from backend.checkpoint.config import VisionConfig
from backend.engine.request import ImageSpan
from backend.errors import RequestRefused

if TYPE_CHECKING:
    from torch import Tensor

    from backend.engine.vision.preprocess import ReadImage

LARGEST_IMAGE = 32 * 2**20  # bytes, decoded from base64
MOST_IMAGES = 64
MOST_PATCHES = 2**16  # of all images of a request: 147 MiB of pixels at Kimi's patch size
FLOAT_BYTES = 4
FORMS = frozenset({"png", "jpeg", "jpg", "webp", "gif", "bmp"})


@dataclass(frozen=True, slots=True)
class Sight:
    """How a model sees; ``media_token`` is the placeholder of one image's part."""

    vision: VisionConfig
    media_token: int


def image_bytes(url: str) -> bytes:
    """The bytes of a data URL. Raises RequestRefused; nothing is ever fetched."""
    head, comma, body = url.partition(",")
    kind = head.removeprefix("data:").removesuffix(";base64")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise RequestRefused(
            f"An image has to be a data URL in base64, not {url[:40]!r}: this server fetches nothing.",
            "Send data:image/png;base64,…",
        )
    if kind.removeprefix("image/").lower() not in FORMS:
        raise RequestRefused(f"Images of the type {kind[:40]!r} are not read.", "Send PNG, JPEG, WebP, GIF or BMP.")
    if len(body) > LARGEST_IMAGE * 4 // 3 + 4:
        raise RequestRefused(f"An image is larger than {LARGEST_IMAGE // 2**20} MiB.", "Send a smaller one.")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as bad:
        raise RequestRefused(f"An image's base64 cannot be read: {bad}.", "Encode it again.") from bad


class Pixels:
    """The pixels of all images that requests hold, equal ones once.

    Their room is taken for exactly as long as somebody has them, so however a request ends, nothing stays taken.
    """

    def __init__(self, room: Room | None = None) -> None:
        self.room = room or Room(PIXEL_BYTES, "The images")
        self._known: weakref.WeakValueDictionary[bytes, Tensor] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def read(self, urls: Sequence[str], vision: VisionConfig) -> list[ReadImage]:
        """The images of one request. Raises NoRoom before any of them is unpacked, and RequestRefused."""
        left = deque(_sizes(urls, vision))
        self.room.take(sum(left))
        try:
            return [self._read(url, vision, left) for url in urls]
        finally:
            self.room.give(sum(left))

    def _read(self, url: str, vision: VisionConfig, left: deque[int]) -> ReadImage:
        from backend.engine.vision.preprocess import read_image

        read = read_image(image_bytes(url), vision)
        weakref.finalize(read.pixels, self.room.give, left.popleft()).atexit = False
        with self._lock:
            return replace(read, pixels=self._known.setdefault(read.digest, read.pixels))


def _sizes(urls: Sequence[str], vision: VisionConfig) -> list[int]:
    """Bytes of the pixels of each, by its header. Raises RequestRefused for too many of them in one request."""
    from backend.engine.vision.preprocess import grid_of

    patches = [math.prod(grid_of(image_bytes(url), vision)) for url in urls]
    if sum(patches) > MOST_PATCHES:
        raise RequestRefused("The images have too many pixels together.", "Send fewer or smaller ones.")
    return [FLOAT_BYTES * 3 * vision.patch_size**2 * each for each in patches]


def placed(
    tokens: list[int], urls: Sequence[str], sight: Sight | None, pixels: Pixels
) -> tuple[list[int], tuple[ImageSpan, ...]]:
    """The prompt with as many placeholders for each image as it has parts, and where. Decodes; takes a moment."""
    if not urls:
        return tokens, ()
    if sight is None:
        raise RequestRefused("This model takes no images.", "Send text, or serve a Kimi K2.5 or K2.6 checkpoint.")
    if len(urls) > MOST_IMAGES:
        raise RequestRefused(f"There are more than {MOST_IMAGES} images.", "Send fewer.")
    if tokens.count(sight.media_token) != len(urls):
        raise RequestRefused(
            f"The chat template has places for {tokens.count(sight.media_token)} of {len(urls)} images.",
            "Its checkpoint may be made for text only.",
        )
    return _spread(tokens, sight.media_token, pixels.read(urls, sight.vision))


def _spread(tokens: list[int], media_token: int, images: list[ReadImage]) -> tuple[list[int], tuple[ImageSpan, ...]]:
    spread: list[int] = []
    spans: list[ImageSpan] = []
    rest = iter(images)
    for token in tokens:
        if token != media_token:
            spread.append(token)
            continue
        read = next(rest)
        spans.append(ImageSpan(len(spread), read.length, read.digest, read.pixels, read.grid))
        spread += [token] * read.length
    return spread, tuple(spans)
