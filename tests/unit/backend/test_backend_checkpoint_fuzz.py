"""However a checkpoint is damaged, loading it ends with a clear refusal or a model, and never with anything else."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.checkpoint.config import KIMI, read_config
from backend.checkpoint.index import INDEX
from backend.engine.weights import load
from backend.errors import CheckpointError
from backend.tiny import Shape, VisionShape, make

SHAPE = Shape(hidden=64, layers=2, heads=2, experts=4, vision=VisionShape(hidden=32, inner=32, layers=1))
SHARD = "model-00001-of-00002.safetensors"
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("sound") / "t"
    make(folder, architecture=KIMI, shape=SHAPE)
    load(folder, memory_tokens=64, context=64)
    return folder


def _damaged(sound: Path, target: Path, damage: Callable[[Path], None]) -> None:
    """Load a damaged copy."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(sound, target)
    damage(target)
    try:
        load(target, memory_tokens=64, context=64)
    except CheckpointError as refused:
        if len(str(refused)) > 2000 or not refused.hint:
            raise


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, one in inner for path in _paths(one, (*at, key)))]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("beta_fast", 0), ("beta_slow", -1), ("factor", math.nan), ("factor", math.inf), ("mscale", -1.0),
        ("rope_theta", 1.0), ("rope_theta", math.inf), ("routed_scaling_factor", math.nan), ("rms_norm_eps", 0),
    ],
)  # fmt: skip
def test_numbers_that_no_model_has_are_refused_by_their_names(
    sound: Path, tmp_path: Path, key: str, value: float
) -> None:
    raw = json.loads((sound / "config.json").read_text())
    text = raw["text_config"]
    (text if key in text else text["rope_scaling"])[key] = value
    (tmp_path / "config.json").write_text(json.dumps(raw))
    with pytest.raises(CheckpointError, match=key):
        read_config(tmp_path)


@pytest.mark.parametrize("pattern", ["re:(a+)+$", "re:(.*|x)*y", "re:.*.*.*.*.*x", "re:(", "re:" + "a" * 600])
def test_a_pattern_that_could_take_forever_is_refused(sound: Path, tmp_path: Path, pattern: str) -> None:
    raw = json.loads((sound / "config.json").read_text())
    raw["quantization_config"]["ignore"].append(pattern)
    (tmp_path / "config.json").write_text(json.dumps(raw))
    with pytest.raises(CheckpointError, match=r"pattern|regular expression"):
        read_config(tmp_path)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.sampled_from(["re:(", "re:(a+)+$", "../x.safetensors", "I32", "BF16", 0, -1, 2**31, 2**63]),
)


def _edited(path: Path, place: int, junk: Any) -> None:
    raw = json.loads(path.read_text())
    *way, last = sorted(_paths(raw)[1:], key=str)[place % (len(_paths(raw)) - 1)]
    inner = raw
    for key in way:
        inner = inner[key]
    inner[last] = junk
    path.write_text(json.dumps(raw))


@FUZZ
@given(st.sampled_from(["config.json", INDEX]), st.integers(0, 10**6), JUNK)
def test_any_value_of_the_configuration_or_the_index_may_be_anything(
    sound: Path, tmp_path: Path, name: str, place: int, junk: Any
) -> None:
    _damaged(sound, tmp_path / "t", lambda folder: _edited(folder / name, place, junk))


def _header(path: Path, place: int, junk: Any) -> None:
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    text = path.with_suffix(".json")
    text.write_bytes(whole[8 : 8 + length])
    _edited(text, place, junk)
    changed = text.read_bytes()
    text.unlink()
    path.write_bytes(len(changed).to_bytes(8, "little") + changed + whole[8 + length :])


@FUZZ
@given(st.integers(0, 10**6), JUNK)
def test_any_value_of_a_shards_header_may_be_anything(sound: Path, tmp_path: Path, place: int, junk: Any) -> None:
    _damaged(sound, tmp_path / "t", lambda folder: _header(folder / SHARD, place, junk))


@FUZZ
@given(st.integers(0, 20000), st.integers(0, 255))
def test_any_byte_of_a_shards_beginning_may_be_anything(sound: Path, tmp_path: Path, place: int, byte: int) -> None:
    def damage(folder: Path) -> None:
        whole = bytearray((folder / SHARD).read_bytes())
        whole[place] = byte
        (folder / SHARD).write_bytes(whole)

    _damaged(sound, tmp_path / "t", damage)


@FUZZ
@given(st.floats(0, 1), st.sampled_from(["config.json", INDEX, SHARD]))
def test_any_file_may_end_anywhere(sound: Path, tmp_path: Path, share: float, name: str) -> None:
    def damage(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: int(len(whole) * share)])

    _damaged(sound, tmp_path / "t", damage)
