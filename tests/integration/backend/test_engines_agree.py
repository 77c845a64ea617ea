"""One checkpoint, two servers, the same answers: our engine beside real SGLang 0.5.23 on this CPU, over HTTP."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from backend_agreement import agree
from backend_servers import Served, serve, sglang_checkpoint, sglang_python, sglang_server

from backend.testing.engine_process import EngineProcess
from backend.tiny import SHAPES, make

__all__ = ["sglang_checkpoint", "sglang_python", "sglang_server"]
pytestmark = pytest.mark.timeout(900)


def test_kimi_with_int4_agrees_with_sglang(sglang_server: Served, tmp_path: Path) -> None:
    with EngineProcess(sglang_server.checkpoint, log=tmp_path / "engine.log") as engine:
        agree(engine, sglang_server)


def test_bf16_with_the_head_sizes_of_k2_agrees_with_sglang(sglang_python: Path, tmp_path: Path) -> None:
    make(tmp_path / "model", int4=False, seed=21, shape=SHAPES["k2_heads"])
    with (
        serve(sglang_python, tmp_path / "model", tmp_path / "logs") as served,
        EngineProcess(tmp_path / "model", log=tmp_path / "engine.log") as engine,
    ):
        served.reached("ready")
        agree(engine, served)


def test_kimi_with_int4_on_two_ranks_agrees_with_the_engine(sglang_python: Path, tmp_path: Path) -> None:
    make(tmp_path / "model", architecture="KimiK25ForConditionalGeneration", seed=22, shape=SHAPES["k2_heads"])
    cores = sorted(os.sched_getaffinity(0))
    binding = {"SGLANG_CPU_OMP_THREADS_BIND": f"{cores[0]}|{cores[-1]}"}
    options = ("--options", "--tp-size 2")
    with (
        serve(sglang_python, tmp_path / "model", tmp_path / "logs", *options, **binding) as served,
        EngineProcess(tmp_path / "model", log=tmp_path / "engine.log") as engine,
    ):
        served.reached("ready")
        agree(engine, served)
