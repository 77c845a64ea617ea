"""The model server for tests is itself what it says: scripted, stateless by name, cheap, and a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import Any

import httpx
import pytest
from model_asking import HELLO, Asking

from clawgroups.group.group_tools import SPECS
from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import Entry, Turn
from clawgroups.runner.drivers.model import ModelDriver
from clawgroups.runner.tools.edits import WriteFile
from clawgroups.runner.tools.files import ListFiles
from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.model_reply import Call, Text, says
from clawgroups.testing.model_scripts import named
from clawgroups.testing.model_server import ModelServer

TOOLS = (*SPECS, ListFiles().spec, WriteFile().spec)


async def _next(client: httpx.AsyncClient, server: ModelServer, model: str, thread: list[Entry]) -> Turn:
    driver = ModelDriver(ModelConfig(base_url=server.base_url, model=model), "", client)
    return await driver.turn(thread, TOOLS, lambda kind, text: None)


def _answered(thread: list[Entry], turn: Turn, text: str = "a.txt") -> list[Entry]:
    calls = [Entry(role="tool", call_id=call.id, name=call.name, content=text) for call in turn.calls]
    return [*thread, Entry(role="assistant", content=turn.content, calls=turn.calls), *calls]


async def test_a_worker_lists_writes_and_tells_from_the_thread_alone(client: httpx.AsyncClient) -> None:
    async with ModelServer(named(0)) as server:
        thread = [Entry(role="user", content="Describe the folder.")]
        first = await _next(client, server, "worker-30", thread)
        assert [call.name for call in first.calls] == ["list_files"]
        assert len(first.content.split()) == 10
        again = await _next(
            client, server, "worker-30", [*thread, Entry(role="assistant", content="fo", unfinished=True)]
        )
        assert [call.name for call in again.calls] == ["list_files"], "an interrupted turn is taken again"
        thread = _answered(thread, first)
        second = await _next(client, server, "worker-30", thread)
        assert [call.name for call in second.calls] == ["write_file"]
        thread = [*_answered(thread, second), Entry(role="user", content="A person helped.", kind="hand_back")]
        last = await _next(client, server, "worker-30", thread)
    assert last.calls == ()
    assert "Result: Describe the folder." in last.content


async def test_a_conductor_assigns_all_tasks_in_one_turn_and_closes_when_all_have_answered(
    client: httpx.AsyncClient,
) -> None:
    async with ModelServer(named(0)) as server:
        thread = [Entry(role="user", content="Survey.")]
        first = await _next(client, server, "conductor-3", thread)
        assert [call.name for call in first.calls] == ["create_subagent"]
        thread = _answered(thread, first, "Created.")
        second = await _next(client, server, "conductor-3", thread)
        prompts = [json.loads(call.arguments)["prompt"] for call in second.calls]
        assert [call.name for call in second.calls] == ["assign_task"] * 3
        last = await _next(client, server, "conductor-3", _answered(thread, second, "Result: done"))
        assert last.content == "All 3 tasks have answered, 3 of them with a result."
        child = await _next(client, server, "conductor-3", [Entry(role="user", content=prompts[0])])
        assert [call.name for call in child.calls] == ["list_files"], "its sub-agents may be driven by it too"


async def test_echo_says_what_it_heard_and_an_unknown_name_is_no_model(client: httpx.AsyncClient) -> None:
    async with ModelServer(named(0)) as server:
        assert (await Asking(server, client, model="echo").turn()).content == "You said: Hello."
        assert (await Asking(server, client, model="gpt-x").fails()).kind == "not_found"


async def test_a_stream_keeps_its_rate(client: httpx.AsyncClient) -> None:
    async with ModelServer(named()) as server:
        started = time.monotonic()
        turn = await Asking(server, client, model="worker-60@100").turn()
        seconds = time.monotonic() - started
    words = len(turn.content.split())
    assert words / 100 * 0.9 < seconds < words / 100 + 1.0


async def test_a_request_without_a_stream_gets_one_object_of_the_same_words(client: httpx.AsyncClient) -> None:
    async with ModelServer(
        [says(Text("Hm.", field="reasoning_content"), "Yes.", Call("list_files", {"path": "."}))]
    ) as s:
        answer = await client.post(f"{s.base_url}/chat/completions", json={"model": "m", "messages": []})
    [choice] = answer.json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Yes.", "tool_calls")
    assert choice["message"]["reasoning_content"] == "Hm."
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "list_files", "arguments": '{"path": "."}'}


async def test_a_body_that_is_no_json_and_a_script_that_is_over_are_told(client: httpx.AsyncClient) -> None:
    async with ModelServer([]) as server:
        answer = await client.post(f"{server.base_url}/chat/completions", content=b"{")
        assert answer.status_code == 400
        error = await Asking(server, client).fails()
    assert "The script has no more replies." in error.sentence


async def test_a_reader_that_stops_reading_is_not_buffered_for_without_bound() -> None:
    async with ModelServer(lambda body: says(Text("word " * 500, rate=1e6, forever=True))) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        body = json.dumps({"model": "m", "messages": [], "stream": True}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await server.until(lambda: server.open)
        counts = []
        async with asyncio.timeout(10):
            while len(counts) < 3 or counts[-1] != counts[-3]:
                await asyncio.sleep(0.1)
                counts.append(server.words)
        writer.close()
        await server.until(lambda: server.aborted)
        await writer.wait_closed()
        assert reader.exception() is None
    assert counts[-1] < 1_000_000


async def test_the_process_serves_reports_and_ends(client: httpx.AsyncClient) -> None:
    with ModelProcess(rate=0) as server:
        turn = await ModelDriver(ModelConfig(base_url=server.base_url, model="echo"), "", client).turn(
            HELLO, (), lambda kind, text: None
        )
        assert turn.content == "You said: Hello."
        report: dict[str, Any] = await asyncio.to_thread(server.report)
        assert (report["count"], report["open"], report["aborted"]) == (1, 0, 0)
        assert (report["requests"][0]["model"], report["requests"][0]["about"]) == ("echo", "Hello.")
        os.kill(server.pid, signal.SIGTERM)
        assert await asyncio.to_thread(server.wait) == 0


async def test_the_process_reports_a_hang_up_by_the_common_clock(client: httpx.AsyncClient) -> None:
    with ModelProcess(rate=100) as server:
        driver = ModelDriver(ModelConfig(base_url=server.base_url, model="endless"), "", client)
        heard = asyncio.Event()
        turn = asyncio.ensure_future(driver.turn(HELLO, (), lambda kind, text: heard.set()))
        await asyncio.wait_for(heard.wait(), 5)
        stopped = time.monotonic()
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        report = await asyncio.to_thread(server.report)
    assert (report["aborted"], report["open"]) == (1, 0)
    assert 0 <= report["requests"][0]["ended"] - stopped < 0.3
