"""What tests of the quantizer share: checkpoints to quantize, and what is in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from backend.checkpoint.index import INDEX, read_index
from backend.tiny import Shape, VisionShape, make

torch.set_num_threads(1)  # small tensors: more threads only wait for each other, long on a busy machine
SHAPE = Shape(hidden=64, layers=3, heads=2, vision=VisionShape(hidden=32, inner=32, layers=1))
EXPERT = "model.layers.1.mlp.experts.0.gate_proj.weight"
Change = Callable[[dict[str, Tensor]], dict[str, Tensor]]


def tensors_of(folder: Path) -> dict[str, Tensor]:
    """Every tensor by name."""
    index = read_index(folder)
    found = {}
    for shard in index.shards:
        with safe_open(folder / shard, "pt") as file:
            found |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    return found


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether both hold the same tensors, bit for bit and of the same type."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


def source(folder: Path, architecture: str = "DeepseekV3ForCausalLM", shape: Shape = SHAPE) -> Path:
    """A checkpoint in bf16."""
    make(folder, architecture=architecture, shape=shape, int4=False)
    return folder


def changed(folder: Path, change: Change, **config: object) -> Path:
    """A checkpoint in bf16 whose tensors and configuration are changed; it has three shards."""
    source(folder)
    tensors = change(tensors_of(folder))
    for path in folder.glob("*.safetensors"):
        path.unlink()
    names = list(tensors)
    where = {name: f"model-{number % 3}.safetensors" for number, name in enumerate(names)}
    for shard in sorted(set(where.values())):
        save_file({name: tensors[name].contiguous() for name in names if where[name] == shard}, folder / shard)
    (folder / INDEX).write_text(json.dumps({"weight_map": where}))
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(raw | config))
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file and what is in it."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
