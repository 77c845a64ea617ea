"""``clawgroups members``: the settings of a model, and a change of what is named and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_steps import claw, wait_for
from cli_terminal import Terminal

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

KEY = "sk-typed-and-never-shown"
EXTRA = {"chat_template_kwargs": {"preserve_thinking": True}}


def _member(server: ServerProcess, member: str) -> dict[str, Any]:
    listed = claw("members", "list", "--json", home=server.home)
    found: dict[str, Any] = next(m for m in json.loads(listed.stdout) if m["id"] == member)
    return found


def _edit(server: ServerProcess, *words: object) -> str:
    done = claw("members", "edit", *words, home=server.home)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_a_model_is_added_with_all_its_settings_and_each_can_be_changed_and_taken_back(server: ServerProcess) -> None:
    settings = ("--context", 262144, "--max-tokens", 16000, "--temperature", 0.6, "--instant", "--price-in", 0.5,
                "--price-cached", 0.1, "--price-out", 2.5, "--images", "--extra-body", json.dumps(EXTRA))  # fmt: skip
    made = claw("members", "add", "model", "Kimi", "--url", "http://127.0.0.1:9/v1", "--model", "kimi", *settings,
                "--key-env", "KIMI_KEY", "--skills", "code", home=server.home)  # fmt: skip
    assert made.returncode == 0, made.stderr
    wanted = {
        "base_url": "http://127.0.0.1:9/v1", "model": "kimi", "key_ref": "env:KIMI_KEY", "thinking": False,
        "temperature": 0.6, "max_tokens": 16000, "context": 262144, "price_in": 0.5, "price_cached": 0.1,
        "price_out": 2.5, "sees": True, "extra_body": EXTRA,
    }  # fmt: skip
    first = _member(server, "kimi")
    assert first["model"] == wanted
    assert "262,144 tokens" in claw("members", home=server.home, env={"COLUMNS": "200"}).stdout

    _edit(server, "kimi", "--no-images")
    assert "sees" not in _member(server, "kimi")["model"]
    _edit(server, "kimi", "--images")
    told = _edit(server, "kimi", "--model", "kimi-k2.6", "--context", 131072, "--thinking", "--price-out", 3)
    assert told == "kimi is changed: model.context, model.model, model.price_out, model.thinking.\n"
    changed = {"model": "kimi-k2.6", "context": 131072, "thinking": True, "price_out": 3}
    assert _member(server, "kimi") == first | {"model": wanted | changed}

    _edit(server, "kimi", "--name", "Kimi here", "--skills", "", "--capacity", 7, "--description", "Ours")
    profile = {"name": "Kimi here", "skills": [], "capacity": 7, "description": "Ours"}
    assert _member(server, "kimi") == first | profile | {"model": wanted | changed}

    taken = ("mode", "temperature", "max-tokens", "context", "extra-body", "key")
    _edit(server, "kimi", *(word for what in taken for word in ("--unset", what)))
    left = {"base_url": "http://127.0.0.1:9/v1", "model": "kimi-k2.6", "price_in": 0.5, "price_cached": 0.1}
    assert _member(server, "kimi")["model"] == left | {"price_out": 3, "sees": True}
    assert claw("members", "remove", "kimi", home=server.home).returncode == 0


def test_a_key_is_typed_unseen_and_then_the_member_works(server: ServerProcess, tmp_path: Path) -> None:
    with ModelProcess(rate=0, key=KEY) as model:
        words = ("--url", model.base_url, "--model", "echo")
        assert claw("members", "add", "model", "Closed", *words, home=server.home).returncode == 0
        refused = claw("members", "test", "closed", home=server.home)
        assert (refused.returncode, "refused the key (401)" in refused.stderr) == (1, True)
        with Terminal("members", "edit", "closed", "--ask-key", home=server.home) as terminal:
            terminal.until("API key:")
            terminal.press(KEY.encode() + b"\n")
            assert terminal.wait() == 0, terminal.screen
            assert "closed is changed: model.api_key." in terminal.screen
            assert KEY.encode() not in terminal.raw
            terminal.left_well()
        assert claw("members", "test", "closed", home=server.home).returncode == 0
    assert KEY in (server.home / "secrets.json").read_text()
    assert _member(server, "closed")["model"]["key_ref"].startswith("secret:closed-")
    assert claw("members", "remove", "closed", home=server.home).returncode == 0
    assert KEY not in (server.home / "secrets.json").read_text()


def test_a_program_gets_another_command_and_who_works_now_is_told_of(server: ServerProcess, tmp_path: Path) -> None:
    mute = tmp_path / "mute.py"
    mute.write_text("import sys\nfor line in sys.stdin: pass\n")
    made = claw("members", "add", "program", "--home", server.home, "Mute", "{python}", mute)
    assert made.returncode == 0, made.stderr
    with Terminal("run", "Wait.", "--conductor", "Mute", home=server.home) as run:
        run.until("1 driving")
        told = _edit(server, "mute", "--command", f"{{python}} '{mute}' --more", "--as", "you")
        assert "mute is changed: program.command." in told
        assert "It drives 1 now; there the change holds from its next time at the wheel." in told
        run.press(b"\x03")
        wait_for(lambda: "[w]atching?" in run.whole, "the question")
        run.press(b"c\n")
        assert run.wait() == 130
    assert _member(server, "mute")["program"]["command"] == ["{python}", str(mute), "--more"]
    assert claw("members", "remove", "mute", home=server.home).returncode == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("survey-worker",), "There is nothing to change."),
        (("survey-worker", "--capacity", 3), "comes with the program"),
        (("nobody", "--capacity", 3), "There is no member nobody"),
        (("you", "--url", "http://x/v1"), "is a person and has no endpoint"),
        (("you", "--command", "sh"), "is a person and has no command"),
        (("you", "--command", "'sh"), "--command cannot be read"),
        (("you", "--extra-body", "[1]"), "--extra-body: that is JSON, but no object"),
        (("you", "--extra-body", '{"a": NaN}'), "--extra-body: that is not JSON"),
        (("you", "--extra-body", '{"stream": false}'), "it may not set stream"),
        (("you", "--context", 5, "--unset", "context"), "context is both set and taken back"),
        (("you", "--key-env", "A", "--unset", "key"), "key is both set and taken back"),
        (("you", "--name", "Survey worker"), "There is a member named 'Survey worker' already"),
    ],
    ids=str,
)
def test_what_cannot_be_changed_is_told_with_how_to_mend_it(
    server: ServerProcess, client: httpx.Client, words: tuple[object, ...], told: str
) -> None:
    before = client.get("/members").json()
    done = claw("members", "edit", *words, home=server.home)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert "hint: " in done.stderr
    assert client.get("/members").json() == before


def test_an_unknown_thing_to_take_back_ends_with_status_2() -> None:
    done = claw("members", "edit", "you", "--unset", "everything")
    assert done.returncode == 2
    assert "extra-body" in done.stderr
