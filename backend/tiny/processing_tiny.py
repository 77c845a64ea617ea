"""Prepares images for a small checkpoint: copied into it, where SGLang and transformers load it as remote code.

So it stands alone. The rule is that of Kimi K2.5: shrink to the limits, pad with black to whole pairs of patches.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, BaseImageProcessor, BatchFeature


class TinyImageProcessor(BaseImageProcessor):
    """``media_proc_cfg`` holds the limits, as in Moonshot's checkpoints."""

    def __init__(self, media_proc_cfg: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.media_proc_cfg = media_proc_cfg or {}

    def _sizes(self, width: int, height: int) -> tuple[int, int, int, int]:
        """New width and height, and those with padding."""
        limits = self.media_proc_cfg
        patch, side = limits["patch_size"], limits["patch_limit_on_one_side"] * limits["patch_size"]
        patches = max(1, width // patch) * max(1, height // patch)
        scale = min(1.0, math.sqrt(limits["in_patch_limit"] / patches), side / width, side / height)
        new = [min(max(1, int(length * scale)), side) for length in (width, height)]
        block = patch * limits["merge_kernel_size"]
        return new[0], new[1], -(-new[0] // block) * block, -(-new[1] // block) * block

    def media_tokens_calculator(self, media: dict[str, Any]) -> int:
        """How many placeholders an image takes."""
        _, _, width, height = self._sizes(*media["image"].size)
        block = int(self.media_proc_cfg["patch_size"]) * int(self.media_proc_cfg["merge_kernel_size"])
        return (width // block) * (height // block)

    def preprocess(self, medias: list[dict[str, Any]], **_: Any) -> BatchFeature:
        """``pixel_values`` [patches, 3, patch, patch] of all images and ``grid_thws`` [images, 3]."""
        patch = self.media_proc_cfg["patch_size"]
        mean, deviation = (
            np.array(self.media_proc_cfg[name], dtype=np.float32) for name in ("image_mean", "image_std")
        )
        pixels, grids = [], []
        for media in medias:
            image = media["image"].convert("RGB")
            width, height, wide, high = self._sizes(*image.size)
            padded = np.zeros((high, wide, 3), dtype=np.float32)
            padded[:height, :width] = np.asarray(image.resize((width, height), resample=3), dtype=np.float32)
            normal = (padded / 255.0 - mean) / deviation
            cut = normal.reshape(high // patch, patch, wide // patch, patch, 3).transpose(0, 2, 4, 1, 3)
            pixels.append(cut.reshape(-1, 3, patch, patch))
            grids.append([1, high // patch, wide // patch])
        return BatchFeature(
            {"pixel_values": torch.from_numpy(np.concatenate(pixels)), "grid_thws": torch.tensor(grids)}
        )


class TinyProcessor:
    """Text and images together; ``media_processor`` is where SGLang looks for the limits."""

    attributes = ("image_processor", "tokenizer")

    def __init__(self, image_processor: TinyImageProcessor, tokenizer: Any) -> None:
        self.image_processor = self.media_processor = image_processor
        self.tokenizer = tokenizer
        self.chat_template = tokenizer.chat_template

    @classmethod
    def from_pretrained(cls, folder: str, **_: Any) -> TinyProcessor:
        """From the folder of the checkpoint."""
        raw = json.loads((Path(folder) / "preprocessor_config.json").read_text(encoding="utf-8"))
        return cls(TinyImageProcessor(raw["media_proc_cfg"]), AutoTokenizer.from_pretrained(folder))

    @classmethod
    def register_for_auto_class(cls, auto_class: str = "AutoProcessor") -> None:
        """transformers calls this of a class that it loads; there is nothing to be written down."""

    def __call__(self, text: str | list[str], medias: list[dict[str, Any]] | None = None, **_: Any) -> BatchFeature:
        """Placeholders in ``text`` are already as many as the images need."""
        ids = self.tokenizer([text] if isinstance(text, str) else text, return_tensors="pt")
        seen = self.image_processor.preprocess(medias) if medias else {}
        return BatchFeature({**ids, **seen})
