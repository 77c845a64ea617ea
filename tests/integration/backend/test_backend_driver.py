"""The dispatcher's own model driver, unchanged, against our engine and real SGLang: streams, calls, aborts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from backend_servers import Served, sglang_checkpoint, sglang_python, sglang_server
from backend_steps import until

from backend.testing.engine_process import EngineProcess, metric
from backend.tiny import make
from clawgroups.testing.server_process import ServerProcess

__all__ = ["sglang_checkpoint", "sglang_python", "sglang_server"]
pytestmark = pytest.mark.timeout(900)
Json = dict[str, Any]
LONG = {"ignore_eos": True, "chat_template_kwargs": {"thinking": False}}


@dataclass(frozen=True, slots=True)
class Target:
    """A model server under test."""

    url: str
    key: str
    most: int
    """Tokens of a long answer: some seconds of it, within what the context leaves."""
    strict: bool
    """Whether arguments follow the schema without ``strict`` being asked; SGLang then only sees to the call's form."""

    def metric(self, name: str) -> float:
        """The sum over all labels of one of its figures."""
        return metric(self.url, name)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    place = tmp_path_factory.mktemp("driven")
    make(place / "model", seed=3)
    with EngineProcess(place / "model", api_key="the-key", log=place / "engine.log") as running:
        yield Target(running.url, "the-key", 4000, strict=True)


@pytest.fixture(scope="module")
def sglang(sglang_server: Served) -> Target:
    return Target(sglang_server.url, sglang_server.key, 280, strict=False)


@pytest.fixture(params=["own", "sglang"])
def engine(request: pytest.FixtureRequest) -> Target:
    target: Target = request.getfixturevalue(request.param)
    return target


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with ServerProcess(tmp_path_factory.mktemp("driver") / "home", pages=False) as running:
        with httpx.Client(base_url=running.api, timeout=30, trust_env=False) as made:
            yield made
        running.stop()
        assert "Traceback" not in running.log_text()


def _group(client: httpx.Client, engine: Target, extra: Json, key: str = "") -> str:
    """A group of one sub-agent that the engine's model drives; its id."""
    endpoint = {"base_url": f"{engine.url}/v1", "model": "tiny", "extra_body": extra, "api_key": key or engine.key}
    body = {"name": f"Tiny {secrets.token_hex(3)}", "kind": "model", "model": endpoint}
    member = client.post("/members", json=body)
    assert member.status_code == 201, member.text
    made = {"name": "driven", "goal": "Look at the folder.", "conductor": member.json()["id"], "start": True}
    answer = client.post("/groups", json=made)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _agent(client: httpx.Client, group: str) -> Json:
    found: Json = client.get(f"/agents/{group}-1").json()
    return found


def _is_object(text: str) -> bool:
    """The last call of a turn may have been cut off by the limit of tokens."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def test_calls_under_a_schema_arrive_whole_and_their_results_go_back(client: httpx.Client, engine: Target) -> None:
    """Random weights say nothing sensible, but a named tool and a grammar make every turn one valid call."""
    choice = {"type": "function", "function": {"name": "list_files"}}
    extra = {"tool_choice": choice, "max_tokens": engine.most, "chat_template_kwargs": {"thinking": False}}
    group = _group(client, engine, extra)

    def answered() -> list[Json]:
        entries: list[Json] = client.get(f"/agents/{group}-1/transcript").json()["entries"]
        return [entry for entry in entries if entry["role"] == "tool"]

    first = until(answered, "the result of a call")[0]
    entries = client.get(f"/agents/{group}-1/transcript").json()["entries"]
    turn = next(entry for entry in entries if entry["role"] == "assistant")
    assert {call["name"] for call in turn["calls"]} == {"list_files"}
    if engine.strict:
        assert any(_is_object(call["arguments"]) for call in turn["calls"]), turn["calls"]
    assert first["call_id"] in [call["id"] for call in turn["calls"]]
    client.post(f"/groups/{group}/cancel")


def test_a_take_over_aborts_the_request_and_the_engine_sees_it(client: httpx.Client, engine: Target) -> None:
    group = _group(client, engine, LONG | {"max_tokens": engine.most})
    until(lambda: len(_agent(client, group)["partial"]["text"]) > 50, "words under way")
    before = engine.metric("num_aborted_requests_total")
    taken = client.post(f"/agents/{group}-1/take-over", json={"mode": "now"})
    assert taken.status_code == 200, taken.text
    stopped = until(lambda: (_agent(client, group).get("stop") or {}).get("proof"), "the proof of the stop")
    assert stopped["model_call"] == "aborted"
    until(lambda: engine.metric("num_aborted_requests_total") == before + 1, "the abort in the engine's figures")
    until(lambda: engine.metric("num_running_reqs") == 0, "an idle engine")
    kept = client.get(f"/agents/{group}-1/transcript").json()["entries"]
    assert any(entry["unfinished"] and len(entry["content"]) > 50 for entry in kept)
    client.post(f"/groups/{group}/cancel")


def test_a_wrong_key_is_told_as_one(client: httpx.Client, engine: Target) -> None:
    group = _group(client, engine, LONG, key="another")
    until(lambda: _agent(client, group)["state"] in ("failed", "waiting"), "the refusal")
    told = json.dumps(_agent(client, group)) + client.get(f"/groups/{group}").text + client.get("/requests").text
    assert "key" in told
    client.post(f"/groups/{group}/cancel")
