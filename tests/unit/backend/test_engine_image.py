"""An image becomes patches by the rule of Kimi's processor; what is no image, or a trap, is refused."""

from __future__ import annotations

import ast
import inspect
import io
import math
import struct
import sys
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import AutoProcessor, AutoTokenizer

from backend.checkpoint.config import KIMI, VisionConfig
from backend.engine.vision.preprocess import LONGEST_SIDE, MOST_BYTES, MOST_PATCHES, read_image
from backend.errors import RequestRefused
from backend.tiny import Shape, make
from backend.tiny.processing_tiny import TinyProcessor

VISION = VisionConfig()
SIZES = [(28, 28), (1, 1), (300, 200), (27, 29), (1000, 10), (3000, 2500), (20, 8000), (14, 28)]


def _drawn(width: int, height: int, mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(width * 7919 + height).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3))
    return Image.fromarray(noise.astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR).convert(mode)


def _bytes(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def rule() -> Callable[..., Any]:
    """transformers' own rule of sizes; its module cannot be imported without torchvision, so its source is run."""
    spec = find_spec("transformers.models.kimi_k25")
    assert spec is not None
    assert spec.submodule_search_locations
    source = (Path(spec.submodule_search_locations[0]) / "image_processing_kimi_k25.py").read_text()
    wanted = [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef) and one.name == "navit_resize"]
    found: dict[str, Any] = {"math": math}
    exec(compile(ast.Module(wanted, []), "navit_resize", "exec"), found)  # noqa: S102
    return found["navit_resize"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("size", SIZES)
def test_sizes_and_pixels_are_those_of_kimis_processor(rule: Callable[..., Any], size: tuple[int, int]) -> None:
    (height, width), (high, wide) = rule(size[1], size[0], 14, 2, MOST_PATCHES, LONGEST_SIDE)
    image = _drawn(*size)
    read = read_image(_bytes(image), VISION)
    assert read.grid == (high // 14, wide // 14)
    assert read.length == (high // 28) * (wide // 28)
    small = torch.from_numpy(np.array(image.resize((width, height), Image.Resampling.BICUBIC))).permute(2, 0, 1)
    padded = torch.nn.functional.pad(small.float(), (0, wide - width, 0, high - height))
    patches = torch.nn.functional.unfold((padded / 255 - 0.5)[None] / 0.5, 14, stride=14)[0].t().view(-1, 3, 14, 14)
    assert read.pixels.dtype == torch.float32
    assert torch.allclose(read.pixels, patches, atol=1e-6)


@given(st.integers(1, 20000), st.integers(1, 20000))
def test_any_size_stays_within_the_limits(rule: Callable[..., Any], width: int, height: int) -> None:
    from backend.engine.vision.preprocess import _shrunk

    (high, wide), _ = rule(height, width, 14, 2, MOST_PATCHES, LONGEST_SIDE)
    assert _shrunk((width, height), 14) == (wide, high)
    assert max(wide, high) <= LONGEST_SIDE * 14


@pytest.mark.parametrize("size", SIZES)
def test_the_processor_in_a_small_checkpoint_prepares_the_same(size: tuple[int, int], prepared: TinyProcessor) -> None:
    image = _drawn(*size)
    read = read_image(_bytes(image), VISION)
    media = {"type": "image", "image": image}
    assert prepared.media_processor.media_tokens_calculator(media) == read.length
    out = prepared("<|media_pad|>", medias=[media])
    assert torch.allclose(out["pixel_values"], read.pixels, atol=1e-6)
    assert out["grid_thws"].tolist() == [[1, *read.grid]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> TinyProcessor:
    folder = tmp_path_factory.mktemp("prepared") / "t"
    make(folder, architecture=KIMI, shape=Shape(hidden=64, layers=1))
    assert (folder / "processing_tiny.py").read_text() == inspect.getsource(sys.modules[TinyProcessor.__module__])
    processor = TinyProcessor.from_pretrained(str(folder))
    assert type(processor.tokenizer) is type(AutoTokenizer.from_pretrained(folder))
    return processor


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "PNG"), ("RGBA", "PNG"), ("P", "GIF"), ("CMYK", "JPEG"), ("RGB", "WEBP")]
)
def test_every_common_kind_of_image_is_read(mode: str, kind: str) -> None:
    read = read_image(_bytes(_drawn(30, 40, mode), kind), VISION)
    assert read.grid == (4, 4)
    assert read.pixels.abs().max() <= 1


def test_equal_images_have_equal_digests_however_they_were_sent() -> None:
    image = _drawn(50, 60)
    as_png, as_bmp = (read_image(_bytes(image, kind), VISION) for kind in ("PNG", "BMP"))
    assert as_png.digest == as_bmp.digest
    assert len(as_png.digest) == 32
    assert read_image(_bytes(_drawn(50, 61)), VISION).digest != as_png.digest
    wide, high = (read_image(_bytes(Image.new("RGB", size)), VISION) for size in ((56, 28), (28, 56)))
    assert wide.digest != high.digest  # the same bytes, cut otherwise


def _png(width: int, height: int) -> bytes:
    """A file of a few bytes that claims to be as large as it is told."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cannot be read"),
        (b"hello", "cannot be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read"),
        (_bytes(_drawn(40, 40))[:100], "cannot be read"),
        (_bytes(_drawn(40, 40), "TIFF"), "cannot be read"),
        (_png(10, 10), "cannot be read"),
        (_png(9000, 9000), "at most"),
        (_png(12000, 12000), "too large|at most"),
        (_png(60000, 60000), "too large"),
        (bytes(MOST_BYTES + 1), "at most"),
    ],
)
def test_what_is_no_image_or_too_large_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(RequestRefused, match=reason) as refused:
        read_image(data, VISION)
    assert refused.value.status == 400
    assert refused.value.hint


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP"]), st.data())
def test_a_damaged_image_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    whole = bytearray(_bytes(_drawn(24, 24), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_image(bytes(whole), VISION)
    except RequestRefused:
        return
    assert read.length * 4 == len(read.pixels)


def test_transformers_takes_the_processor_from_the_checkpoint(
    tmp_path: Path, prepared: TinyProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path))
    found = AutoProcessor.from_pretrained(prepared.tokenizer.name_or_path, trust_remote_code=True)
    assert type(found).__name__ == "TinyProcessor"
    assert found.media_processor.media_proc_cfg["patch_size"] == 14
