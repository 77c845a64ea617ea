"""Images in messages: data URLs only, of bounded size, put where the template left a placeholder for each."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from backend.checkpoint.config import VisionConfig
from backend.engine.request import ImageSpan
from backend.errors import RequestRefused

LARGEST_IMAGE = 32 * 2**20  # bytes, decoded from base64
MOST_IMAGES = 64
MOST_PATCHES = 2**16  # of all images of a request: 147 MiB of pixels at Kimi's patch size
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


def placed(tokens: list[int], urls: Sequence[str], sight: Sight | None) -> tuple[list[int], tuple[ImageSpan, ...]]:
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
    return _spread(tokens, urls, sight)


def _spread(tokens: list[int], urls: Sequence[str], sight: Sight) -> tuple[list[int], tuple[ImageSpan, ...]]:
    from backend.engine.vision.preprocess import read_image

    spread: list[int] = []
    spans: list[ImageSpan] = []
    rest, patches = iter(urls), 0
    for token in tokens:
        if token != sight.media_token:
            spread.append(token)
            continue
        read = read_image(image_bytes(next(rest)), sight.vision)
        spans.append(ImageSpan(len(spread), read.length, read.digest, read.pixels, read.grid))
        spread += [token] * read.length
        patches += read.grid[0] * read.grid[1]
        if patches > MOST_PATCHES:
            raise RequestRefused("The images have too many pixels together.", "Send fewer or smaller ones.")
    return spread, tuple(spans)
