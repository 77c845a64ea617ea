"""The command ``plan``: its table, its JSON, and flags that SGLang 0.5.23 has."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from backend.cli.plan import plan
from backend.errors import PlanRefused
from backend.planner.gpu import GIB, MIB
from backend.planner.hardware import hardware_of
from backend.planner.model import find_model
from backend.planner.plan import Plan
from backend.planner.planner import make_plan
from backend.planner.rows import gib
from backend.planner.wish import Wish

# Of the fields in sglang/srt/arg_groups of the wheel 0.5.23.
FLAGS = {
    "--model-path", "--served-model-name", "--trust-remote-code", "--tp-size", "--ep-size", "--attn-dp-size",
    "--dp-size", "--context-length", "--mem-fraction-static", "--chunked-prefill-size", "--max-running-requests",
    "--kv-cache-dtype", "--tool-call-parser", "--reasoning-parser", "--enable-metrics", "--enable-cache-report",
    "--host", "--port", "--nnodes", "--node-rank", "--dist-init-addr",
}  # fmt: skip
BARE = {"--trust-remote-code", "--enable-metrics", "--enable-cache-report"}


def call(*arguments: str) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(plan)
    return CliRunner().invoke(app, arguments)


def test_the_table_shows_the_plan_and_a_command_that_can_be_copied() -> None:
    result = call("Kimi-K2.6", "--hardware", "2x8xH100-80G")
    assert result.exit_code == 0
    for said in ("554.3 GiB", "TP 16, over 2 nodes", "70,272 bytes", "262,144 tokens", "marlin"):
        assert said in result.output
    commands = [line for line in result.output.splitlines() if line.startswith("python -m sglang.launch_server")]
    assert len(commands) == 2
    found = make_plan(find_model("Kimi-K2.6"), hardware_of("2x8xH100-80G"))
    assert shlex.split(commands[1]) == found.commands[1].argv


@pytest.mark.parametrize(
    ("size", "said"), [(554 * GIB, "554.0 GiB"), (3 * GIB // 2, "1.50 GiB"), (5 * MIB // 2, "2.5 MiB"), (0, "0.0 MiB")]
)
def test_sizes_are_said_in_units_that_show_them(size: int, said: str) -> None:
    assert gib(size) == said


def test_json_is_the_plan_itself() -> None:
    result = call("Kimi-K2.5", "--hardware", "8xH200", "--context", "131072", "--concurrency", "16", "--json")
    found = Plan.model_validate_json(result.output)
    assert found == make_plan(find_model("Kimi-K2.5"), hardware_of("8xH200"), Wish(context=131072, concurrency=16))
    assert (found.context, found.layout.attention_data) == (131072, 8)
    assert json.loads(result.output)["commands"][0]["argv"][0] == "python"


def test_the_kv_cache_may_be_fp8_and_is_then_half_as_large() -> None:
    result = call("Qwen3-30B-A3B", "--hardware", "1xH100", "--kv-dtype", "fp8_e4m3", "--port", "9000", "--json")
    found = Plan.model_validate_json(result.output)
    assert found.memory.cache_per_token == 4 * 128 * 48 * 2
    argv = found.commands[0].argv
    assert argv[argv.index("--kv-cache-dtype") + 1] == "fp8_e4m3"
    assert argv[argv.index("--port") + 1] == "9000"


@pytest.mark.parametrize("bad", [("--context", "0"), ("--kv-dtype", "fp4"), ("--concurrency", "many"), ("--port", "0")])
def test_options_are_checked(bad: tuple[str, str]) -> None:
    assert call("Kimi-K2.6", "--hardware", "8xH200", *bad).exit_code == 2


def test_a_refusal_is_an_error_of_the_backend() -> None:
    assert isinstance(call("Kimi-K2.6", "--hardware", "4xH100").exception, PlanRefused)


def test_a_machine_without_a_gpu_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refusal = call("Kimi-K2.6").exception
    assert isinstance(refusal, PlanRefused)
    assert refusal.sentence.startswith("No GPU was found here, and Kimi-K2.6 does not fit in RAM for the CPU engine")


@pytest.mark.parametrize("model", ["Kimi-K2.6", "Moonlight-16B-A3B", "Qwen3-30B-A3B", "Qwen3-30B-A3B-FP8"])
@pytest.mark.parametrize("hardware", ["8xH200", "8xB200", "8xMI300X", "4xGB200", "4x8xH100", "8xL40S"])
@pytest.mark.parametrize("concurrency", [None, 16])
def test_every_flag_is_one_of_sglang_and_has_its_value(model: str, hardware: str, concurrency: int | None) -> None:
    try:
        found = make_plan(find_model(model), hardware_of(hardware), Wish(concurrency=concurrency))
    except PlanRefused:
        assert (model, hardware) == ("Kimi-K2.6", "8xL40S") or concurrency == 16
        return
    for command in found.commands:
        words = iter(command.argv[3:])
        flags = []
        for word in words:
            flags.append(word)
            if word not in BARE:
                assert not next(words).startswith("--")
        assert set(flags) <= FLAGS
        assert len(flags) == len(set(flags))
