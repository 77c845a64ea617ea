"""The quantizer as a process: killed and begun again, and small however large the checkpoint is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

from backend.checkpoint.config import KIMI, read_config
from backend.checkpoint.index import read_index
from backend.cli.quantize import quantize as quantize_command
from backend.cli.tiny import tiny
from backend.errors import CheckpointError
from backend.quantize import quantize
from backend.tiny import Shape, make

SHAPE = Shape(hidden=64, layers=3, heads=2)
LARGE = Shape(hidden=1024, layers=2, dense_layers=1, heads=2, experts=26, inner=2048, vocab=1024)
BOUND = 128 * 2**20
"""Bytes that the work may take beside what Python and torch take; the checkpoint is of more than twice that."""
MEASURE = """
import sys, torch
from pathlib import Path
from backend.quantize import quantize
torch.set_num_threads(1)
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
before = peak()
quantize(Path(sys.argv[1]), Path(sys.argv[2]))
print(peak() - before)
"""


HELD = """
import sys
from pathlib import Path
from backend.quantize import quantize
def told(progress):
    if progress.number == 2 and progress.done * 4 > progress.total * 3:
        print("in the second shard", flush=True)
        sys.stdin.read()
quantize(Path(sys.argv[1]), Path(sys.argv[2]), told=told)
"""


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_that_is_killed_in_its_second_shard_goes_on_there(tmp_path: Path) -> None:
    make(tmp_path / "src", shape=SHAPE, int4=False)
    quantize(tmp_path / "src", tmp_path / "wanted")
    folders = [str(tmp_path / "src"), str(tmp_path / "int4")]
    with subprocess.Popen(
        [sys.executable, "-c", HELD, *folders], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "in the second shard\n"
        first.kill()
    assert first.returncode == -9
    kept = tmp_path / "int4/model-00001-of-00002.safetensors"
    before = kept.stat()
    assert (tmp_path / "int4/model-00002-of-00002.safetensors.partial").stat().st_size > 0
    second = subprocess.run(
        [sys.executable, "-m", "backend", "quantize", *folders], capture_output=True, text=True, check=True
    )
    assert "Shard 2 of 2" in second.stdout
    assert "Shard 1" not in second.stdout
    assert "Relative error" in second.stdout
    assert kept.stat().st_ino == before.st_ino
    assert _files(tmp_path / "int4") == _files(tmp_path / "wanted")


def test_memory_does_not_grow_with_the_checkpoint(tmp_path: Path) -> None:
    make(tmp_path / "src", shape=LARGE, int4=False)
    assert read_index(tmp_path / "src").total_bytes > 2 * BOUND
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "src"), str(tmp_path / "int4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < BOUND
    index = read_index(tmp_path / "int4")
    with safe_open(tmp_path / "int4" / index.shards[0], "pt") as file:
        assert all(file.get_tensor(name) is not None for name in file.keys())  # noqa: SIM118 - it is no dictionary


def test_the_command_line_says_what_is_wrong_in_two_lines(tmp_path: Path) -> None:
    make(tmp_path / "src", shape=SHAPE)
    command = [sys.executable, "-m", "backend", "quantize", str(tmp_path / "src"), str(tmp_path / "int4")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "quantized already" in done.stderr
    assert done.stderr.count("\n") == 2


def test_the_commands_make_a_checkpoint_and_quantize_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny(tmp_path / "src", KIMI, "default", int4=False, seed=5)
    assert "bf16, shape default, seed 5" in capsys.readouterr().out
    quantize_command(tmp_path / "src", tmp_path / "int4", 64)
    assert "Done" in capsys.readouterr().out
    quantization = read_config(tmp_path / "int4").quantization
    assert quantization is not None
    assert quantization.group_size == 64
    with pytest.raises(CheckpointError, match="no shape 'huge'"):
        tiny(tmp_path / "other", shape="huge")
    with pytest.raises(CheckpointError, match="group size of 7"):
        quantize_command(tmp_path / "src", tmp_path / "other", 7)
