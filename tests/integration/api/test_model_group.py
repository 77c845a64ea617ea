"""Groups whose conductor and workers are models behind a real HTTP endpoint, run over the API."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_steps import agents, done, take_over, thread, until, until_status
from model_thread import ModelThread

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.model_reply import Call, Reply, Text, says

TASKS = 5


@pytest.fixture(scope="module")
def models() -> Iterator[ModelProcess]:
    with ModelProcess(rate=0) as running:
        yield running


def _member(client: httpx.Client, base_url: str, model: str) -> str:
    endpoint = {"base_url": base_url, "model": model, "price_in": 1.0, "price_out": 2.0}
    body = {"name": f"{model} {secrets.token_hex(3)}", "kind": "model", "model": endpoint}
    return str(done(client.post("/members", json=body), 201)["id"])


def _group(client: httpx.Client, **body: Any) -> str:
    return str(done(client.post("/groups", json={"name": "models", "start": True, **body}), 201)["id"])


def test_a_model_conducts_and_its_workers_answer_with_one_message_each(
    client: httpx.Client, models: ModelProcess
) -> None:
    conductor = _member(client, models.base_url, f"conductor-{TASKS}")
    worker = _member(client, models.base_url, "worker-60")
    group = _group(client, goal="Describe the folder.", conductor=conductor, worker=worker)
    ended = until_status(client, group, "finished")

    root, *workers = agents(client, group)
    assert (root["state"], len(workers)) == ("done", TASKS)
    assert {(one["member"], one["parent"], one["role"]) for one in workers} == {(worker, root["id"], "worker")}
    entries = thread(client, root["id"])
    turns = [[call["name"] for call in entry["calls"]] for entry in entries if entry["role"] == "assistant"]
    assert turns == [["create_subagent"], ["assign_task"] * TASKS, []], "all tasks were given in one turn"
    calls = [call["id"] for entry in entries for call in entry["calls"] if call["name"] == "assign_task"]
    answers = [entry for entry in entries if entry["role"] == "tool" and entry["name"] == "assign_task"]
    assert sorted(entry["call_id"] for entry in answers) == sorted(calls), "one message for each task"
    assert all("Result: Task" in entry["content"] and entry["fate"] == "done" for entry in answers)
    assert entries[-1]["content"] == f"All {TASKS} tasks have answered, {TASKS} of them with a result."
    assert ended["critical"] < ended["steps"], "work in parallel takes fewer critical steps than steps"
    assert ended["tokens_in"] > 0
    assert ended["tokens_out"] > 0
    assert ended["cost"] > 0


def test_the_workers_ran_at_the_same_time_and_used_real_tools(client: httpx.Client, models: ModelProcess) -> None:
    conductor = _member(client, models.base_url, f"conductor-{TASKS}@0")
    worker = _member(client, models.base_url, "worker-60@60")
    group = _group(client, goal="Describe the folder.", conductor=conductor, worker=worker)
    until_status(client, group, "finished")
    events = done(client.get(f"/groups/{group}/events", params={"limit": 1_000}))["events"]
    live = most = 0
    for event in events:
        live += (event["kind"] == "driver_granted") - (event["kind"] == "agent_finished")
        most = max(most, live)
    assert most == TASKS + 1, "all workers were at work at once, and the conductor waited for them"
    for one in agents(client, group)[1:]:
        told = [(e["name"], e["fate"]) for e in thread(client, one["id"]) if e["role"] == "tool"]
        assert told == [("list_files", "done"), ("write_file", "done")]
        note = done(client.get(f"/agents/{one['id']}/files/note.txt"))["text"]
        assert note.startswith("Task "), "what the model wrote lies in the sub-agent's own workspace"


def test_a_person_takes_the_wheel_of_a_streaming_model_whose_call_is_aborted(
    client: httpx.Client, models: ModelProcess
) -> None:
    conductor = _member(client, models.base_url, "endless@50")
    group = _group(client, goal="Talk on and on.", conductor=conductor)
    agent = f"{group}-1"
    until(client, agent, lambda a: len(a["partial"]["text"]) > 100)
    before = models.report()["aborted"]
    driven = take_over(client, agent)
    assert driven["stop"]["proof"]["model_call"] == "aborted"
    assert models.report()["aborted"] == before + 1, "the model server saw it"
    kept = next(entry for entry in thread(client, agent) if entry["unfinished"])
    assert len(kept["content"]) > 100
    body = {"epoch": driven["epoch"], "content": "It talked long enough.", "result": True}
    assert done(client.post(f"/agents/{agent}/steps", json=body))["state"] == "done"
    assert until_status(client, group, "finished")["counts"]["done"] == 1


def test_the_survey_runs_with_a_model_as_conductor_and_workers(client: httpx.Client, folder: Path) -> None:
    with ModelThread(surveyor) as models:
        member = _member(client, models.base_url, "surveyor")
        body = {"name": "survey", "template": "survey", "folder": str(folder), "conductor": member, "start": True}
        group = str(done(client.post("/groups", json=body), 201)["id"])
        ended = until_status(client, group, "finished")
    assert (ended["conductor"], ended["worker"]) == (member, member)
    root, *workers = agents(client, group)
    assert sorted(worker["title"] for worker in workers) == [f"source/part{number}.py" for number in range(3)]
    for worker in workers:
        tools = [(entry["name"], entry["fate"]) for entry in thread(client, worker["id"]) if entry["role"] == "tool"]
        assert tools == [("measure_file", "done")]
    report = client.get(f"/groups/{group}/files/survey.md").text
    for number in range(3):
        assert f"| source/part{number}.py | Python | 5 |" in report
    assert thread(client, root["id"])[-1]["content"] == "The survey is in survey.md: 3 files."


def surveyor(body: dict[str, Any]) -> Reply:
    """A model that follows the template's words, as conductor and as worker; all that it says follows from them."""
    messages = body["messages"]
    task = next(str(message["content"]) for message in messages if message["role"] == "user")
    results = [(name, str(message["content"])) for name, message in _named_results(messages)]
    if "Work in these steps" in task:
        return _conduct(results)
    path = re.search(r"source/\S+\.py", task)
    if path is None:
        return says(Text("ready"))
    if not results:
        return says(Text(f"I measure {path[0]}."), Call("measure_file", {"path": path[0]}))
    return says(Text(f"It holds one function.\n{results[-1][1]}"))


def _conduct(results: list[tuple[str, str]]) -> Reply:
    names = [name for name, _ in results]
    if "list_files" not in names:
        return says(Call("list_files", {"path": "source", "recursive": True}))
    if "create_subagent" not in names:
        return says(Call("create_subagent", {"name": "surveyor", "system_prompt": "Measure the one file."}))
    if "assign_task" not in names:
        listed = dict(results)["list_files"]
        files = [line.split("\t", 1)[1] for line in listed.splitlines() if line.endswith(".py")]
        return says(*(Call("assign_task", _task(file)) for file in files))
    rows = [json.loads(text.splitlines()[-1]) for name, text in results if name == "assign_task"]
    if "write_file" not in names:
        table = "".join(f"| {row['path']} | {row['language']} | {row['lines']} |\n" for row in rows)
        return says(Call("write_file", {"path": "survey.md", "content": f"# Survey\n\n{table}"}))
    return says(Text(f"The survey is in survey.md: {len(rows)} files."))


def _task(file: str) -> dict[str, str]:
    return {"agent": "surveyor", "prompt": f"Survey {file}", "title": file}


def _named_results(messages: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    names = {call["id"]: call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()}
    for message in messages:
        if message["role"] == "tool":
            yield names[message["tool_call_id"]], message
