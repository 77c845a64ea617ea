"""What people are told: every command ends in words, serve says what it does, keys stay out of files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.control.shapes import Fault, Progress, Status
from backend.serving.telling import Telling


def ran(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **more}
    )


def status(state: str, fraction: float | None = None, error: Fault | None = None) -> Status:
    return Status.model_validate(
        {
            "state": state, "engine": "cpu", "model": "/m", "served_name": "m", "url": "http://h:1",
            "progress": Progress(fraction=fraction, sentence="Starts again in 2 s"), "error": error, "since": 1.0,
        }
    )  # fmt: skip


@pytest.mark.parametrize("words", [("tiny", "new"), ("quantize", "a", "b"), ("engine", "a")])
def test_without_the_engines_packages_every_command_says_so(words: tuple[str, ...], tmp_path: Path) -> None:
    for name in ("torch", "safetensors"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}', name={name!r})\n")
    done = ran(*words, PYTHONPATH=os.pathsep.join([str(tmp_path), os.getcwd()]))
    assert done.returncode == 2, done.stderr
    assert "error: The CPU engine's packages are not installed." in done.stderr
    assert "backend setup" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_made_is_told_in_words() -> None:
    done = ran("tiny", "/proc/nowhere")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: /proc/nowhere")


def test_setup_that_nobody_can_answer_names_yes() -> None:
    done = ran("setup", "--kind", "sglang-cpu", "--folder", "/tmp/no-such-environment")
    assert done.returncode == 2, done.stderr
    assert "hint: Add --yes" in done.stderr


def test_a_number_beyond_all_reason_is_answered_as_zero_is() -> None:
    done = ran("plan", "Kimi-K2.6", "--hardware", "99999999xH200")
    assert "Say 1 to 256 nodes of 1 to 64 GPUs." in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.json", '{"nodes": [{"gpu": "H200", "gpus": "many"}]}', "nodes.0.gpus is 'many'"),
        ("a.toml", "[[nodes]]\ngpu =", "line 2"),
    ],
)
def test_a_broken_inventory_says_the_place_and_what_stands_there(
    name: str, text: str, wanted: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    done = ran("plan", "Kimi-K2.6", "--hardware", str(tmp_path / name))
    assert done.returncode == 2
    assert name in done.stderr
    assert wanted in done.stderr


def test_usage_names_what_was_typed() -> None:
    assert "Usage: clawgroups backend plan" in ran("plan", "--help", BACKEND_CALLED_AS="clawgroups backend").stdout
    assert "Usage: python -m backend plan" in ran("plan", "--help", BACKEND_CALLED_AS="").stdout


def test_serve_tells_loading_sparsely_then_where_it_serves() -> None:
    lines: list[str] = []
    telling = Telling(lines.append, "http://c:1")
    for percent in range(0, 25):
        telling.tell(status("loading", percent / 100))
    telling.tell(status("ready"))
    assert lines == ["Loading: 0 %", "Loading: 10 %", "Loading: 20 %", "Serving m at http://h:1"]


def test_a_restart_tells_its_reason_and_a_failure_how_it_goes_on() -> None:
    lines: list[str] = []
    telling = Telling(lines.append, "http://c:1")
    telling.tell(status("restarting", error=Fault(sentence="It fell.", hint="")))
    telling.tell(status("failed", error=Fault(sentence="A shard is missing.", hint="Get it.")))
    assert lines[:3] == ["Starts again in 2 s: It fell.", "error: A shard is missing.", "hint: Get it."]
    assert "http://c:1/start" in lines[3]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_token_that_was_made_is_shown_to_a_terminal_only(terminal: bool) -> None:
    lines: list[str] = []
    Telling(lines.append, "http://c:1").begin(status("stopped"), "s3cret", terminal=terminal)
    assert ("s3cret" in " ".join(lines)) is terminal
    assert "BACKEND_API_KEY" in " ".join(lines)
