"""A house that serves a checkpoint itself: started with it, watched, started again, and gone when it goes."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from backend_steps import until

from backend.tiny import make
from clawgroups.testing.server_process import ServerProcess

Json = dict[str, Any]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("started") / "Kimi-K2.6-tiny"
    make(folder, architecture="KimiK25ForConditionalGeneration", seed=5)
    return folder


@pytest.fixture
def house(checkpoint: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {"CLAWGROUPS_BACKEND": str(checkpoint), "CLAWGROUPS_BACKEND_PORT": str(port)}
    with ServerProcess(tmp_path / "home", pages=False, env=env) as running:
        yield running


def _told(client: httpx.Client) -> Json:
    told: Json = client.get("/backend").json()
    return told


def _ready(client: httpx.Client) -> Json | None:
    told = _told(client)
    return told if (told["status"] or {}).get("state") == "ready" and told["member"] else None


def _family(server: ServerProcess) -> list[psutil.Process]:
    """The backend's processes below this server."""
    return [one for one in psutil.Process(server.pid).children(recursive=True) if "backend" in _words(one)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it ended meanwhile
        return []


def test_a_group_runs_on_the_houses_own_model_which_comes_back_after_a_crash_and_ends_with_the_house(
    house: ServerProcess,
) -> None:
    with httpx.Client(base_url=house.api, timeout=30, trust_env=False) as client:
        told = until(lambda: _ready(client), "the serving backend")
        assert (told["status"]["engine"], told["status"]["attribution"]) == ("cpu", "Kimi K2.6")
        assert told["status"]["plan"]["rows"]
        _keeps_its_key(client)
        _run_a_group(client)
        served = until(lambda: _told(client)["status"]["figures"], "figures")
        assert served["cache_tokens"] > 0
        family = _family(house)
        engine = next(one for one in family if "engine" in _words(one))
        engine.send_signal(signal.SIGKILL)
        until(lambda: _told(client)["status"]["restarts"] >= 1 and _ready(client), "the engine again")
        family += _family(house)
    house.stop()
    _gone, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, [_words(one) for one in alive]


def _keeps_its_key(client: httpx.Client) -> None:
    """It is the house's own, and the engine that runs knows no other."""
    for model in ({"api_key": "mine"}, {"api_key": ""}, {"key_ref": "env:MINE"}):
        refused = client.patch("/members/backend", json={"model": model})
        assert (refused.status_code, refused.json()["error"]["rule"]) == (409, "own_key"), refused.text


def _run_a_group(client: httpx.Client) -> None:
    """Random weights under a grammar: each turn is a valid call of one tool, whose result goes back to the model."""
    choice = {"type": "function", "function": {"name": "list_files"}}
    extra = {"tool_choice": choice, "max_tokens": 300, "chat_template_kwargs": {"thinking": False}}
    changed = client.patch("/members/backend", json={"model": {"extra_body": extra}})
    assert changed.status_code == 200, changed.text
    body = {"name": "own", "goal": "Look at the folder.", "conductor": "backend", "start": True}
    group = client.post("/groups", json=body).json()["id"]

    def results() -> list[Json]:
        entries: list[Json] = client.get(f"/agents/{group}-1/transcript").json()["entries"]
        return [entry for entry in entries if entry["role"] == "tool" and entry["fate"] in ("done", "failed")]

    until(results, "the result of the model's call")
    client.post(f"/groups/{group}/cancel")


def test_no_process_of_the_backend_outlives_a_server_that_was_killed(house: ServerProcess) -> None:
    with httpx.Client(base_url=house.api, timeout=30, trust_env=False) as client:
        until(lambda: _ready(client), "the serving backend")
        family = _family(house)
    assert len(family) >= 2, "the supervisor and the engine"
    os.kill(house.pid, signal.SIGKILL)
    _gone, alive = psutil.wait_procs(family, timeout=30)
    assert not alive, [_words(one) for one in alive]


def test_a_broken_checkpoint_is_told_in_words(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in checkpoint.iterdir():
        if not path.name.endswith("00002.safetensors"):
            (broken / path.name).symlink_to(path)
    env = {"CLAWGROUPS_BACKEND": str(broken), "CLAWGROUPS_BACKEND_PORT": "1"}
    with ServerProcess(tmp_path / "home", pages=False, env=env) as running:
        with httpx.Client(base_url=running.api, timeout=30, trust_env=False) as client:

            def words() -> str:
                told = _told(client)
                return json.dumps([told["problem"], (told["status"] or {}).get("error")])

            until(lambda: "00002" in words() and "missing" in words(), "the missing shard")
        running.stop()
