"""Where tensors lie is checked at the door: a damaged or hostile folder is refused clearly, and that is all."""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.checkpoint.config import read_config
from backend.checkpoint.index import INDEX, LARGEST_HEADER, SINGLE, read_index
from backend.errors import CheckpointError

ONE = "model-00001-of-00002.safetensors"
TWO = "model-00002-of-00002.safetensors"
Header = dict[str, Any]


def _shard(path: Path, header: Header | bytes, data: bytes = b"", length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def _entry(shape: list[int], begin: int, end: int, dtype: str = "BF16") -> Header:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards, three tensors."""
    _shard(
        tmp_path / ONE, {"a": _entry([2, 3], 0, 12), "b": _entry([4], 12, 20), "__metadata__": {"f": "pt"}}, b"x" * 20
    )
    _shard(tmp_path / TWO, {"c": _entry([], 0, 4, "F32"), "d": _entry([0, 5], 4, 4)}, b"y" * 4)
    _index(tmp_path, {"a": ONE, "b": ONE, "c": TWO, "d": TWO})
    return tmp_path


def _index(folder: Path, weight_map: Any) -> None:
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 24}, "weight_map": weight_map}))


def test_all_tensors_are_found_with_their_places(folder: Path) -> None:
    index = read_index(folder)
    assert {name: entry.shape for name, entry in index.tensors.items()} == {
        "a": (2, 3), "b": (4,), "c": (), "d": (0, 5),
    }  # fmt: skip
    entry = index.tensors["b"]
    with (folder / entry.file).open("rb") as file:
        file.seek(entry.begin)
        assert file.read(entry.end - entry.begin) == b"x" * 8
    assert index.total_bytes == 24
    assert index.shards == (ONE, TWO)


def test_a_checkpoint_of_one_shard_needs_no_index(tmp_path: Path) -> None:
    _shard(tmp_path / SINGLE, {"a": _entry([2], 0, 4)}, b"xxxx")
    assert list(read_index(tmp_path).tensors) == ["a"]


def test_what_the_index_does_not_name_is_left_out(folder: Path) -> None:
    _index(folder, {"a": ONE, "c": TWO})
    assert sorted(read_index(folder).tensors) == ["a", "c"]


def _missing(folder: Path) -> None:
    (folder / TWO).unlink()


def _short(folder: Path) -> None:
    os.truncate(folder / ONE, (folder / ONE).stat().st_size - 1)


def _long(folder: Path) -> None:
    with (folder / ONE).open("ab") as file:
        file.write(b"z")


def _empty(folder: Path) -> None:
    (folder / ONE).write_bytes(b"")


def _pointer(folder: Path) -> None:
    (folder / ONE).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")


def _pipe(folder: Path) -> None:
    (folder / ONE).unlink()
    os.mkfifo(folder / ONE)


def _directory(folder: Path) -> None:
    (folder / ONE).unlink()
    (folder / ONE).mkdir()


def _named(name: str) -> Callable[[Path], None]:
    return lambda folder: _index(folder, {"a": name})


def _headed(header: Header | bytes, data: bytes = b"x" * 20, length: int | None = None) -> Callable[[Path], None]:
    return lambda folder: _shard(folder / ONE, header, data, length)


def _mapped(weight_map: Any) -> Callable[[Path], None]:
    return lambda folder: _index(folder, weight_map)


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing shard": (_missing, "is missing"),
    "cut short": (_short, "cut short"),
    "too long": (_long, "more than its header says"),
    "empty file": (_empty, "cut short or no safetensors"),
    "a pointer of git-lfs": (_pointer, "cut short or no safetensors"),
    "a pipe": (_pipe, "not a file"),
    "a folder": (_directory, "not a file"),
    "a tensor that is not there": (_mapped({"a": ONE, "z": TWO}), "does not hold 'z'"),
    "no map": (_mapped(None), "has no weight_map"),
    "a map that is a list": (_mapped(["a"]), "has no weight_map"),
    "an empty map": (_mapped({}), "has no weight_map"),
    "a shard that is a number": (_mapped({"a": 1}), "no file of this folder"),
    "a way out": (_named("../model.safetensors"), "no file of this folder"),
    "a way out on Windows": (_named("..\\model.safetensors"), "no file of this folder"),
    "an absolute path": (_named("/etc/model.safetensors"), "no file of this folder"),
    "a drive": (_named("C:model.safetensors"), "no file of this folder"),
    "another kind of file": (_named("config.json"), "no file of this folder"),
    "a name with a zero": (_named("a\0.safetensors"), "no file of this folder"),
    "a very long name": (_named("a" * 5000 + ".safetensors"), "no file of this folder"),
    "index without JSON": (lambda folder: (folder / INDEX).write_text("{"), "JSON"),
    "deep index": (lambda folder: (folder / INDEX).write_text("[" * 10**5), "JSON"),
    "bytes that are no text": (_headed(b"\xff\xfe{}" + b" " * 8), "JSON"),
    "a header that is a list": (_headed(b"[1, 2]  "), "no JSON object"),
    "a header longer than the file": (_headed({}, length=2**40), "cut short or no safetensors"),
    "a header of no length": (_headed({}, length=0), "cut short or no safetensors"),
    "a name twice": (_headed(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}}'), "twice"),
    "an entry that is a list": (_headed({"a": [1]}), "cannot be read"),
    "an entry without a place": (_headed({"a": {"dtype": "U8", "shape": [1]}}), "cannot be read"),
    "three offsets": (_headed({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 2]}}), "cannot be read"),
    "an unknown type": (_headed({"a": _entry([10], 0, 20, "F12")}), "not known"),
    "a type that is a list": (_headed({"a": {"dtype": [], "shape": [], "data_offsets": [0, 1]}}), "cannot be read"),
    "a shape that is too large": (_headed({"a": _entry([11], 0, 20)}), "not that of its shape"),
    "a shape that is negative": (_headed({"a": _entry([-2, -5], 0, 20)}), "not that of its shape"),
    "a shape of fractions": (_headed({"a": _entry([2.5, 4], 0, 20)}), "not that of its shape"),
    "a shape of truths": (_headed({"a": _entry([True, 10], 0, 20)}), "not that of its shape"),
    "a shape of too many sizes": (_headed({"a": _entry([1] * 9 + [10], 0, 20)}), "not that of its shape"),
    "a shape that overflows": (_headed({"a": _entry([2**39] * 8, 0, 20)}), "not that of its shape"),
    "offsets backwards": (_headed({"a": _entry([10], 20, 0)}), "not that of its shape"),
    "overlap": (_headed({"a": _entry([10], 0, 20), "b": _entry([5], 4, 14)}), "overlaps"),
    "a hole": (_headed({"a": _entry([4], 0, 8), "b": _entry([5], 10, 20)}), "bytes of no tensor"),
    "a late start": (_headed({"a": _entry([8], 4, 20)}), "bytes of no tensor"),
    "beyond the end": (_headed({"a": _entry([10], 0, 20), "b": _entry([10], 20, 40)}), "cut short"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_or_hostile_folder_is_refused_with_the_reason(folder: Path, fault: str) -> None:
    damage, reason = FAULTS[fault]
    damage(folder)
    with pytest.raises(CheckpointError, match=reason) as refused:
        read_index(folder)
    assert refused.value.hint
    assert len(str(refused.value)) < 1500


def test_a_folder_without_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither"):
        read_index(tmp_path)


def test_a_header_beyond_all_bounds_is_not_read(tmp_path: Path) -> None:
    """The file is sparse: reading its header would take the memory that it only claims."""
    path = tmp_path / SINGLE
    path.write_bytes(struct.pack("<Q", LARGEST_HEADER + 1))
    os.truncate(path, LARGEST_HEADER + 2**20)
    with pytest.raises(CheckpointError, match="cut short or no safetensors"):
        read_index(tmp_path)


def test_an_index_beyond_all_bounds_is_not_read(folder: Path) -> None:
    os.truncate(folder / INDEX, 2**32)
    with pytest.raises(CheckpointError, match="larger than"):
        read_index(folder)


def test_a_configuration_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(CheckpointError, match="not a file"):
        read_config(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["BF16", "U8", "F99"]) | JSON, "shape": st.lists(st.integers(-2, 9), max_size=3) | JSON},
    optional={"data_offsets": st.lists(st.integers(-1, 40), min_size=2, max_size=2) | JSON},
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.text(max_size=8), ENTRY | JSON, max_size=3), st.binary(max_size=40))
def test_any_header_is_read_or_refused(tmp_path: Path, header: Header, data: bytes) -> None:
    _shard(tmp_path / SINGLE, header, data)
    try:
        index = read_index(tmp_path)
    except CheckpointError:
        return
    assert sum(entry.end - entry.begin for entry in index.tensors.values()) == len(data)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / SINGLE).write_bytes(data)
    with contextlib.suppress(CheckpointError):
        assert read_index(tmp_path).total_bytes <= len(data)
