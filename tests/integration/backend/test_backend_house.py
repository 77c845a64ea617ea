"""The backend in the house: found or started, a member that follows what it serves, and admins' switches."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from backend_steps import until

from clawgroups.testing.backend_process import BackendControl
from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

Json = dict[str, Any]


@pytest.fixture(scope="module")
def models() -> Iterator[ModelProcess]:
    with ModelProcess(rate=0) as running:
        yield running


@pytest.fixture(scope="module")
def control() -> Iterator[BackendControl]:
    with BackendControl() as running:
        yield running


@pytest.fixture(scope="module")
def server(control: BackendControl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("backend") / "home", pages=False, env=control.env) as running:
        yield running
        running.stop()
        assert "Traceback" not in running.log_text()


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.api, timeout=20, trust_env=False) as made:
        yield made


@pytest.fixture
def serving(control: BackendControl, client: httpx.Client, models: ModelProcess) -> Json:
    """The backend serves what the model server answers; its member, once it is so."""
    control.play(state="ready", url=models.base_url, served_name="worker-5", context=4096, error=None, sees=False)
    return until(lambda: _serves(client, "worker-5"), "the member that serves")


def _member(client: httpx.Client) -> Json | None:
    found: list[Json] = client.get("/members").json()["members"]
    return next((member for member in found if member["id"] == "backend"), None)


def _serves(client: httpx.Client, model: str) -> Json | None:
    member = _member(client)
    state = client.get("/status").json()["backend"]["state"]
    return member if member and member["model"]["model"] == model and state == "ready" else None


def _told(client: httpx.Client, holds: Callable[[Json], object], what: str) -> Json:
    def look() -> Json | None:
        view: Json = client.get("/backend").json()
        return view if holds(view) else None

    return until(look, what)


def test_a_backend_becomes_a_member_that_follows_what_it_serves_and_keeps_what_people_changed(
    serving: Json, control: BackendControl, client: httpx.Client, models: ModelProcess
) -> None:
    assert serving["model"]["base_url"] == models.base_url
    assert serving["model"]["context"] == 4096
    changed = client.patch("/members/backend", json={"name": "Our Kimi", "skills": ["code"]})
    assert changed.status_code == 200, changed.text
    control.play(served_name="worker-7", context=8192, sees=True)
    member = until(lambda: _serves(client, "worker-7"), "the member that follows")
    assert (member["name"], member["skills"]) == ("Our Kimi", ["code"])
    assert (member["model"]["context"], member["model"]["sees"]) == (8192, True)


def test_its_member_stays_while_it_is_set(serving: Json, client: httpx.Client) -> None:
    refused = client.delete("/members/backend")
    assert (refused.status_code, refused.json()["error"]["rule"]) == (409, "own_member")
    assert _member(client) == serving


def test_sub_agents_of_the_backend_wait_until_it_serves_and_then_run(
    serving: Json, control: BackendControl, client: httpx.Client
) -> None:
    control.play(state="loading", progress={"fraction": 0.4, "sentence": "Loading shard 2 of 5"})
    status = _told(client, lambda view: view["status"]["state"] == "loading", "that it loads")["status"]
    assert status["progress"] == {"fraction": 0.4, "sentence": "Loading shard 2 of 5"}
    body = {"name": "waits", "goal": "Say something.", "conductor": "backend", "start": True}
    group = client.post("/groups", json=body).json()["id"]
    other = {
        "name": "goes on",
        "goal": "Survey.",
        "template": "survey",
        "folder": str(Path(__file__).parent),
        "start": True,
    }
    beside = client.post("/groups", json=other).json()["id"]
    until(
        lambda: client.get(f"/groups/{beside}").json()["status"] == "finished", "the group beside it, which needs none"
    )
    (agent,) = client.get(f"/groups/{group}/agents").json()["agents"]
    assert agent["state"] == "queued", "it is not launched against an engine that cannot answer"
    control.play(state="ready")
    until(lambda: client.get(f"/groups/{group}").json()["status"] == "finished", "the group that waited")


def test_figures_and_log_are_passed_on(serving: Json, control: BackendControl, client: httpx.Client) -> None:
    control.play(metrics={"num_running_reqs": 12, "prompt_tokens_total": 500}, log=["Capture cuda graph end."])

    def figures() -> Json | None:
        samples: list[Json] = client.get("/backend/samples").json()["samples"]
        return samples[-1] if samples and samples[-1]["running"] == 12 else None

    last = until(figures, "the figures")
    assert last["prompt_tokens"] == 500
    newer = client.get("/backend/samples", params={"after": last["at"]}).json()["samples"]
    assert all(sample["at"] > last["at"] for sample in newer)
    assert client.get("/backend/log").json()["lines"][-1]["text"] == "Capture cuda graph end."


def test_its_switches_reach_the_engine(serving: Json, control: BackendControl, client: httpx.Client) -> None:
    before = len(control.play())
    assert client.post("/backend/stop").json()["status"]["state"] == "stopped"
    assert client.get("/status").json()["backend"]["state"] == "stopped"
    assert client.post("/backend/start").json()["status"]["state"] == "loading"
    assert client.post("/backend/explode").status_code == 422
    assert control.play()[before:] == ["stop", "start"]


def test_one_that_was_named_at_the_start_is_not_changed_by_a_click(client: httpx.Client) -> None:
    refused = client.put("/backend", json={"source": "http://127.0.0.1:1"})
    assert refused.status_code == 409
    assert "CLAWGROUPS_BACKEND" in refused.json()["error"]["sentence"]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A house without a backend."""
    with ServerProcess(tmp_path_factory.mktemp("bare") / "home", pages=False) as running:
        with httpx.Client(base_url=running.api, timeout=20, trust_env=False) as made:
            yield made
        running.stop()
        assert "Traceback" not in running.log_text()


def test_without_one_the_house_says_so(bare: httpx.Client) -> None:
    view = bare.get("/backend").json()
    assert (view["source"], view["status"], view["problem"], view["member"]) == ("", None, None, "")
    assert bare.get("/status").json()["backend"]["state"] == "none"
    assert bare.get("/backend/samples").status_code == 404
    assert bare.post("/backend/start").json()["error"]["code"] == "no_backend"


@pytest.mark.parametrize("source", ["/nowhere", "~nobody/x", "relative", "/etc", "x" * 2000])
def test_what_is_neither_a_checkpoint_nor_an_address_is_refused(bare: httpx.Client, source: str) -> None:
    refused = bare.put("/backend", json={"source": source})
    assert refused.status_code == 422
    assert refused.json()["error"]["fields"][0]["field"] == "source"
    assert bare.get("/backend").json()["source"] == ""


@pytest.mark.parametrize("source", ["http://", "http://host:port", "http://[::1", "https://ho st"])
def test_a_wrong_address_is_refused_and_asking_goes_on(
    bare: httpx.Client, control: BackendControl, source: str
) -> None:
    refused = bare.put("/backend", json={"source": source})
    assert refused.status_code == 422, refused.text
    assert refused.json()["error"]["fields"][0]["field"] == "source"
    odd = bare.put("/backend", json={"source": control.address, "token": "schlüssel"})
    assert odd.json()["error"]["fields"][0]["field"] == "token"


def test_a_token_is_not_shown_to_another_control(bare: httpx.Client, control: BackendControl) -> None:
    control.play(state="ready", url="http://127.0.0.1:9/v1")
    bare.put("/backend", json={"source": control.address, "token": control.token})
    _told(bare, lambda view: view["status"], "that it answers")
    bare.put("/backend", json={"source": control.address.replace("127.0.0.1", "localhost")})
    problem = _told(bare, lambda view: view["problem"], "that the token is missing")["problem"]
    assert "token" in problem["sentence"]
    bare.put("/backend", json={"source": ""})


def test_an_admin_connects_to_one_and_leaves_it_again(bare: httpx.Client, control: BackendControl) -> None:
    control.play(state="ready", url="http://127.0.0.1:9/v1", served_name="kimi-k2.6", attribution="Kimi K2.6")
    bare.put("/backend", json={"source": control.address, "token": "wrong"})
    problem = _told(bare, lambda view: view["problem"], "that the token is wrong")["problem"]
    assert "token" in problem["sentence"]
    answer = bare.put("/backend", json={"source": control.address, "token": control.token})
    assert answer.status_code == 200
    assert control.token not in answer.text, "a token is never shown again"
    _told(bare, lambda view: view["status"], "that it answers")
    assert bare.get("/status").json()["backend"]["attribution"] == "Kimi K2.6"
    bare.put("/backend", json={"source": ""})
    assert bare.get("/status").json()["backend"] == {
        "state": "none", "progress": {"fraction": None, "sentence": ""}, "error": None, "attribution": "",
    }  # fmt: skip


def test_something_else_at_the_address_is_said_in_words(bare: httpx.Client, models: ModelProcess) -> None:
    bare.put("/backend", json={"source": models.base_url})
    problem = _told(bare, lambda view: view["problem"], "that it is no backend")["problem"]
    assert models.base_url in problem["sentence"]
    bare.put("/backend", json={"source": ""})


def test_one_that_is_started_here_and_ends_at_once_is_told_with_its_last_words(
    tmp_path: Path, bare: httpx.Client
) -> None:
    """A Python that has no backend, as a wrong CLAWGROUPS_BACKEND_PYTHON; it is tried again, until the house ends."""
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('No module named backend')\n")
    python.chmod(0o755)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps({}))
    env = {"CLAWGROUPS_BACKEND": str(tmp_path / "model"), "CLAWGROUPS_BACKEND_PYTHON": str(python)}
    with ServerProcess(tmp_path / "home", pages=False, env=env) as running:
        with httpx.Client(base_url=running.api, timeout=20, trust_env=False) as client:
            view = _told(
                client,
                lambda view: (view["problem"] or {}).get("sentence", "").startswith("The backend has"),
                "its end",
            )
            assert "No module named backend" in view["problem"]["sentence"]
            _told(client, lambda view: view["process"]["restarts"] >= 1, "another try")
        running.stop()
