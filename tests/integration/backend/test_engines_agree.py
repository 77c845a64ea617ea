"""One checkpoint, two servers, the same answers: our engine beside real SGLang 0.5.23 on this CPU, over HTTP.

Both read the same folder. SGLang computes in bf16 throughout, our engine keeps activations in float32 for few rows and
in bf16 for many, so log-probabilities differ by bf16's rounding, and a router whose two best experts nearly tie may
send one token elsewhere. What is held: half of all differences within 0.02, nine tenths within 0.1; and greedy
tokens are the same up to a place, if there is one, where SGLang's own two best differ by less than 0.25.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any

import httpx
import pytest
from backend_servers import Served, serve, sglang_checkpoint, sglang_python, sglang_server

from backend.testing.engine_process import EngineProcess
from backend.tiny import SHAPES, make

__all__ = ["sglang_checkpoint", "sglang_python", "sglang_server"]
pytestmark = pytest.mark.timeout(900)
Json = dict[str, Any]

GENERATED = 64
PROMPTS = [
    [256 + 3 * n % 90 for n in range(40)],
    [ord(letter) for letter in "Claw groups hand the wheel to people. "],
    [7, 7, 7, 7, 90, 91, 92, 93, 7, 7, 7, 7, 90, 91, 92],
]
MEDIAN, MOST, PART, NEAR = 0.02, 0.1, 0.9, 0.25


def _generate(url: str, prompt: list[int], headers: dict[str, str] | None = None) -> Json:
    sampling = {"temperature": 0, "max_new_tokens": GENERATED, "ignore_eos": True}
    body = {"input_ids": prompt, "sampling_params": sampling, "return_logprob": True, "logprob_start_len": 0,
            "top_logprobs_num": 2}  # fmt: skip
    answer = httpx.post(f"{url}/generate", json=body, headers=headers, timeout=300, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()["meta_info"]
    return found


def _compared(ours: Json, theirs: Json, prompt: list[int]) -> tuple[list[float], int]:
    """Differences of the prompt's log-probabilities, and how many greedy tokens agree. Fails for a real divergence."""
    mine, other = ours["input_token_logprobs"][1:], theirs["input_token_logprobs"][1:]
    assert [one[1] for one in mine] == [one[1] for one in other] == prompt[1:]
    differences = [abs(a[0] - b[0]) for a, b in zip(mine, other, strict=True)]
    said, heard = ours["output_token_logprobs"], theirs["output_token_logprobs"]
    assert len(said) == len(heard) == GENERATED
    for place, (a, b) in enumerate(zip(said, heard, strict=True)):
        if a[1] != b[1]:
            best, second = theirs["output_top_logprobs"][place][:2]
            assert best[0] - second[0] < NEAR, f"token {place}: {a} and {b} are no near tie"
            return differences, place
        differences.append(abs(a[0] - b[0]))
    return differences, GENERATED


def _agree(engine: EngineProcess, served: Served) -> None:
    differences: list[float] = []
    agreed = []
    for prompt in PROMPTS:
        more, same = _compared(_generate(engine.url, prompt), _generate(served.url, prompt, served.headers), prompt)
        differences += more
        agreed.append(same)
    close = sum(one <= MOST for one in differences) / len(differences)
    told = f"median {statistics.median(differences):.4f}, {close:.0%} within {MOST}, greedy tokens {agreed}"
    assert statistics.median(differences) <= MEDIAN, told
    assert close >= PART, told
    assert sum(agreed) >= GENERATED, told


def test_int4_experts_agree_with_sglang(sglang_server: Served, tmp_path: Path) -> None:
    with EngineProcess(sglang_server.checkpoint, log=tmp_path / "engine.log") as engine:
        _agree(engine, sglang_server)


def test_bf16_with_the_head_sizes_of_k2_agrees_with_sglang(sglang_python: Path, tmp_path: Path) -> None:
    make(tmp_path / "model", int4=False, seed=21, shape=SHAPES["k2_heads"])
    with (
        serve(sglang_python, tmp_path / "model", tmp_path / "logs") as served,
        EngineProcess(tmp_path / "model", log=tmp_path / "engine.log") as engine,
    ):
        served.reached("ready")
        _agree(engine, served)


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
        _agree(engine, served)
