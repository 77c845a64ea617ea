"""Trying a model out: the first words are enough, silence ends in bounded time and is told."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from clawgroups.group.members import Member, MemberKind, ModelConfig
from clawgroups.link import messages as ms
from clawgroups.runner import asks
from clawgroups.runner.asks import Asks
from clawgroups.runner.reaper import Reaper
from clawgroups.testing.model_reply import Reply, Text, says
from clawgroups.testing.model_server import ModelServer

SHORT_S = 1.0


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asks, "PROBE_S", SHORT_S)


async def _tried(client: httpx.AsyncClient, server: ModelServer, **fields: Any) -> dict[str, Any]:
    config = ModelConfig(base_url=server.base_url, model="test-model", **fields)
    member = Member(id="kimi", name="Kimi", kind=MemberKind.MODEL, model=config)
    reply = await Asks(client, Reaper()).answer(ms.Ask(id=1, what="probe", member=member))
    assert reply.error is None or not reply.error, reply.error
    answer: dict[str, Any] = reply.body
    return answer


async def test_a_model_that_thinks_for_long_works_all_the_same(client: httpx.AsyncClient) -> None:
    for field in ("content", "reasoning_content"):
        async with ModelServer([says(Text("on and on ", 30, field, forever=True))]) as server:
            answer = await _tried(client, server)
            assert answer["ok"] is True
            assert answer["sentence"].startswith("Kimi speaks, and was not at its end after 1 s: 'on and on")
            await server.until(lambda server=server: server.aborted)


async def test_a_silent_server_is_told_with_its_address_and_let_go(client: httpx.AsyncClient) -> None:
    async with ModelServer([Reply(wait=60)]) as server:
        answer = await _tried(client, server)
        assert answer["ok"] is False
        assert answer["sentence"] == f"The model server at 127.0.0.1:{server.port} did not answer within 1 s."
        assert "its log may say more" in answer["hint"]
        assert SHORT_S * 1000 <= answer["ms"] < 15_000
        await server.until(lambda: server.aborted)
        assert server.count == 1, "it is not asked again and again"


async def test_the_members_own_fields_are_tried_too(client: httpx.AsyncClient) -> None:
    extra = {"chat_template_kwargs": {"preserve_thinking": True}, "stream": False, "messages": [], "tools": [{}]}
    async with ModelServer([says("ready")]) as server:
        answer = await _tried(client, server, thinking=True, extra_body=extra)
        assert answer["sentence"] == "Kimi answered: 'ready'"
        body = server.requests[0].body
    assert body["chat_template_kwargs"]["preserve_thinking"] is True
    assert body["chat_template_kwargs"]["thinking"] is True
    assert body["stream"] is True
    assert "ready" in body["messages"][-1]["content"]
    assert "tools" not in body
