"""A quantization that was ended goes on where it stood, and never touches what is not its own."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from quantize_steps import changed, files_of, source

from backend.errors import BackendError, CheckpointError
from backend.quantize import Progress, quantize
from backend.quantize.journal import NAME


class Ended(Exception):
    """Stands for the end of the process."""


def _ends_in(number: int) -> Callable[[Progress], None]:
    """Ends the work in the middle of a shard."""

    def told(progress: Progress) -> None:
        if progress.number == number:
            raise Ended

    return told


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A checkpoint of three shards."""
    return changed(tmp_path / "src", dict)


@pytest.fixture
def wanted(tmp_path: Path, three: Path) -> dict[str, bytes]:
    """What a run without an end gives."""
    quantize(three, tmp_path / "wanted")
    return files_of(tmp_path / "wanted")


def _half(three: Path, target: Path, number: int = 3) -> None:
    with pytest.raises(Ended):
        quantize(three, target, told=_ends_in(number))


def test_finished_shards_are_kept_and_the_half_one_is_made_anew(
    tmp_path: Path, three: Path, wanted: dict[str, bytes]
) -> None:
    target = tmp_path / "int4"
    _half(three, target)
    assert {path.name for path in target.iterdir()} == {
        "model-0.safetensors", "model-1.safetensors", "model-2.safetensors.partial", NAME,
    }  # fmt: skip
    kept = [(target / f"model-{number}.safetensors").stat() for number in range(2)]
    heard: list[Progress] = []
    quantize(three, target, told=heard.append)
    assert {progress.number for progress in heard} == {3}
    assert [(target / f"model-{number}.safetensors").stat().st_ino for number in range(2)] == [
        one.st_ino for one in kept
    ]
    assert files_of(target) == wanted


def test_a_finished_shard_that_was_changed_since_makes_room_and_is_made_anew(
    tmp_path: Path, three: Path, wanted: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "int4"
    _half(three, target)
    with (target / "model-0.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        with pytest.raises(BackendError, match="GiB are free"):
            quantize(three, target)
    assert [path.name for path in target.glob("*.safetensors*")] == ["model-1.safetensors"]
    quantize(three, target)
    assert files_of(target) == wanted


def test_a_journal_whose_last_line_was_cut_is_read_up_to_it(
    tmp_path: Path, three: Path, wanted: dict[str, bytes]
) -> None:
    target = tmp_path / "int4"
    _half(three, target)
    lines = (target / NAME).read_bytes()
    for cut in (len(lines) - 1, len(lines) - 40, 10):
        (target / NAME).write_bytes(lines[:cut])
        _half(three, target, 3)
    quantize(three, target)
    assert files_of(target) == wanted


def test_an_end_while_the_small_files_are_written_is_mended_too(
    tmp_path: Path, three: Path, wanted: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "int4"
    with monkeypatch.context() as patch:
        patch.setattr("backend.quantize.conversion._config", _ends_in_config)
        with pytest.raises(Ended):
            quantize(three, target)
    assert NAME in files_of(target)
    quantize(three, target)
    assert files_of(target) == wanted


def _ends_in_config(*_: object) -> None:
    raise Ended


def test_half_of_something_else_is_left_alone(tmp_path: Path, three: Path) -> None:
    target = tmp_path / "int4"
    _half(three, target)
    before = files_of(target)
    source(tmp_path / "other")
    for folder, group in ((tmp_path / "other", 32), (three, 64)):
        with pytest.raises(CheckpointError, match="half-done"):
            quantize(folder, target, group_size=group)
    assert files_of(target) == before


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, three: Path) -> None:
    target = tmp_path / "int4"
    target.mkdir()
    (target / "model-0.safetensors").write_bytes(b"mine")
    with pytest.raises(CheckpointError, match="holds something else"):
        quantize(three, target)
    assert files_of(target) == {"model-0.safetensors": b"mine"}


def test_a_result_that_is_done_is_not_begun_again(tmp_path: Path, three: Path, wanted: dict[str, bytes]) -> None:
    with pytest.raises(CheckpointError, match="done"):
        quantize(three, tmp_path / "wanted")
    assert files_of(tmp_path / "wanted") == wanted


def test_a_result_in_place_of_its_source_is_refused(three: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(three)
    with pytest.raises(CheckpointError, match="same folder"):
        quantize(three, tmp_path / "link")


def test_a_file_for_a_target_is_refused(three: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CheckpointError, match="not a folder"):
        quantize(three, tmp_path / "file")


def test_two_at_once_do_not_write_into_one_folder(tmp_path: Path, three: Path) -> None:
    target = tmp_path / "int4"
    _half(three, target)
    with (target / NAME).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CheckpointError, match="Another process"):
            quantize(three, target)


def test_a_disk_that_is_too_small_is_said_before_the_work(
    tmp_path: Path, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(BackendError, match="GiB are free"):
        quantize(three, tmp_path / "int4")
    assert not list((tmp_path / "int4").glob("*.safetensors*"))


def test_a_disk_that_fills_up_ends_it_and_it_goes_on_when_there_is_room(
    tmp_path: Path, three: Path, wanted: dict[str, bytes]
) -> None:
    target = tmp_path / "int4"
    _half(three, target, 2)
    (target / "model-1.safetensors.partial").unlink()
    full = target / "model-2.safetensors.partial"

    def no_room(progress: Progress) -> None:
        """/dev/full answers every write as a full disk does."""
        if progress.number == 2 and not full.is_symlink():
            full.symlink_to("/dev/full")

    with pytest.raises(BackendError, match="disk is full") as refused:
        quantize(three, target, told=no_room)
    assert "goes on" in refused.value.hint
    assert isinstance(refused.value.__cause__, OSError)
    assert refused.value.__cause__.errno == errno.ENOSPC
    quantize(three, target)
    assert files_of(target) == wanted


def test_the_journal_is_gone_when_all_is_done(wanted: dict[str, bytes]) -> None:
    assert NAME not in wanted
    assert not [name for name in wanted if name.endswith(".partial")]
    assert json.loads(wanted["config.json"])["quantization_config"]["format"] == "pack-quantized"
