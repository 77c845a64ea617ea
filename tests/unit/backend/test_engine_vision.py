"""The tower that sees gives what transformers' own gives, from the names of Moonshot's checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForImageTextToText

from backend.checkpoint.config import DEEPSEEK, KIMI, ModelConfig, read_config
from backend.engine.request import ImageSpan
from backend.engine.vision import load_vision
from backend.errors import CheckpointError
from backend.tiny import Shape, VisionShape, make

SHAPE = Shape(hidden=64, layers=1, dense_layers=1, heads=2, vision=VisionShape(hidden=96, inner=80, heads=3, layers=3))
GRIDS = [(8, 8), (2, 2), (4, 22), (30, 6)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("vision") / "tiny"
    make(made, architecture=KIMI, shape=SHAPE, int4=False)
    return made


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    torch.set_num_threads(1)
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()


def _image(grid: tuple[int, int], seed: int = 0) -> ImageSpan:
    patches = grid[0] * grid[1]
    pixels = torch.rand(patches, 3, 14, 14, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return ImageSpan(start=0, length=patches // 4, digest=b"", pixels=pixels, grid=grid)


def _off(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(("kind", "most"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
def test_an_image_is_seen_as_transformers_sees_it(
    folder: Path, theirs: Any, grid: tuple[int, int], kind: torch.dtype, most: float
) -> None:
    image = _image(grid)
    seen = load_vision(folder, read_config(folder), "cpu", kind)(image)
    with torch.no_grad():
        wanted = theirs.get_image_features(image.pixels, torch.tensor([[1, *grid]])).pooler_output[0]
    assert seen.dtype == torch.float32
    assert seen.shape == (image.length, SHAPE.hidden)
    assert _off(seen, wanted) < most


def test_where_a_patch_stands_matters(folder: Path) -> None:
    see = load_vision(folder, read_config(folder), "cpu", torch.float32)
    image = _image((8, 8))
    turned = image.pixels.view(8, 8, 3, 14, 14).transpose(0, 1).reshape(64, 3, 14, 14)
    assert _off(see(replace(image, pixels=turned)), see(image)) > 0.1


CHANGES = [{"length": 5}, {"grid": (4, 8)}, {"grid": (1, 64)}, {"grid": (0, 0)}, {"pixels": torch.zeros(60, 3, 14, 14)}]


@pytest.mark.parametrize("change", CHANGES)
def test_an_image_that_does_not_add_up_is_a_mistake_of_the_caller(folder: Path, change: dict[str, Any]) -> None:
    see = load_vision(folder, read_config(folder))
    with pytest.raises(ValueError, match="grid"):
        see(replace(_image((8, 8)), **change))


def _without(tensors: dict[str, Tensor]) -> None:
    del tensors["vision_tower.encoder.blocks.1.wqkv.weight"]


def _misshapen(tensors: dict[str, Tensor]) -> None:
    tensors["mm_projector.proj.2.weight"] = torch.zeros(64, 64)


def _of_integers(tensors: dict[str, Tensor]) -> None:
    tensors["mm_projector.pre_norm.bias"] = torch.zeros(96, dtype=torch.int32)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_without, r"wqkv.weight \[288, 96\] is missing"),
        (_misshapen, r"not a float \[64, 384\]"),
        (_of_integers, "I32"),
    ],
)
def test_a_damaged_tower_is_refused(
    folder: Path, tmp_path: Path, damage: Callable[[dict[str, Tensor]], None], reason: str
) -> None:
    tensors = {name: one for shard in folder.glob("*.safetensors") for name, one in load_file(shard).items()}
    damage(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=reason):
        load_vision(tmp_path, read_config(folder))


def _changed(config: ModelConfig, **sizes: Any) -> ModelConfig:
    assert config.vision is not None
    return config.model_copy(update={"vision": config.vision.model_copy(update=sizes)})


@pytest.mark.parametrize("sizes", [{"vt_num_attention_heads": 5}, {"mm_hidden_size": 95}])
def test_sizes_that_do_not_fit_are_refused(folder: Path, sizes: dict[str, int]) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_vision(folder, _changed(read_config(folder), **sizes))


def test_a_model_that_does_not_see_is_not_made_to(tmp_path: Path) -> None:
    make(tmp_path / "blind", architecture=DEEPSEEK, shape=SHAPE, int4=False)
    with pytest.raises(CheckpointError, match="does not see"):
        load_vision(tmp_path / "blind", read_config(tmp_path / "blind"))
