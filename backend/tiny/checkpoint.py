"""Writes a small random checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from backend.checkpoint.config import DEEPSEEK, KIMI, parse_config
from backend.checkpoint.index import INDEX
from backend.errors import CheckpointError
from backend.tiny.config import config, generation
from backend.tiny.shape import SHAPES, Shape
from backend.tiny.tokens import tokenizer_config, vocabulary
from backend.tiny.weights import Weights

HERE = Path(__file__).parent
SHARDS = 2
MEDIA = {
    "in_patch_limit": 16384,
    "patch_limit_on_one_side": 512,
    "fixed_output_tokens": None,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "merge_kernel_size": 2,
    "temporal_merge_kernel_size": 4,
}
"""``media_proc_cfg`` of Kimi K2.5, without what only videos need."""


def make(
    folder: Path,
    *,
    architecture: str = DEEPSEEK,
    int4: bool = True,
    seed: int = 0,
    shape: Shape | None = None,
    twin: bool = False,
) -> None:
    """Write a checkpoint of random weights into ``folder``, which must be new or empty.

    The same seed gives the same language model whatever the architecture; INT4 experts are those of bf16, quantized.
    With ``twin``, a bf16 checkpoint holds exactly the values of the INT4 one of the same seed. Raises CheckpointError.
    """
    if architecture not in (DEEPSEEK, KIMI):
        raise CheckpointError(f"There is no architecture {architecture!r}.", f"Take {DEEPSEEK} or {KIMI}.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CheckpointError(f"{folder} is not empty.", "Name a new folder.")
    shape = shape or SHAPES["default"]
    words = vocabulary(shape.vocab)
    raw = config(architecture, shape, words, int4)
    parsed = parse_config(raw, "the new config.json")
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "config.json", raw)
    _write(folder / "generation_config.json", generation(words))
    _write(folder / "tokenizer_config.json", tokenizer_config(shape.context))
    words.tokenizer.save(str(folder / "tokenizer.json"))
    shutil.copyfile(HERE / "chat_template.jinja", folder / "chat_template.jinja")
    if architecture == KIMI:
        _write_processor(folder, shape)
    _write_shards(folder, dict(Weights(parsed, words, seed, twin)))


def _write_processor(folder: Path, shape: Shape) -> None:
    """What SGLang prepares images with: it asks for a class in the checkpoint, as Moonshot's checkpoints have one."""
    shutil.copyfile(HERE / "processing_tiny.py", folder / "processing_tiny.py")
    names = {
        "AutoProcessor": "processing_tiny.TinyProcessor",
        "AutoImageProcessor": "processing_tiny.TinyImageProcessor",
    }
    media = MEDIA | {"patch_size": shape.vision.patch}
    _write(folder / "preprocessor_config.json", {"auto_map": names, "media_proc_cfg": media})


def _write_shards(folder: Path, tensors: dict[str, Tensor]) -> None:
    total = sum(tensor.nbytes for tensor in tensors.values())
    shards: list[dict[str, Tensor]] = [{} for _ in range(SHARDS)]
    written = 0
    for name, tensor in tensors.items():
        shards[min(SHARDS - 1, written * SHARDS // total)][name] = tensor
        written += tensor.nbytes
    where: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05d}-of-{SHARDS:05d}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        (folder / file).chmod(0o644)  # safetensors leaves it to its owner alone
        where |= dict.fromkeys(shard, file)
    _write(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))})


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
