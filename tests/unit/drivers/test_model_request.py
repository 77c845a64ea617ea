"""The body of a request: Kimi's modes, at its makers and on own servers; limits, tools, the member's own fields."""

from __future__ import annotations

from typing import Any

import pytest

from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import Entry, ToolCall
from clawgroups.group.tools import ToolSpec
from clawgroups.runner.drivers.model_messages import request_body

MOONSHOT, LOCAL, OPENAI = "api.moonshot.ai", "127.0.0.1", "api.openai.com"
THREAD = (
    Entry(role="user", content="Go."),
    Entry(role="assistant", calls=(ToolCall("x", "list_files"),)),
    Entry(role="tool", call_id="x", content="a"),
    Entry(role="assistant", content="So.", reasoning="because", calls=(ToolCall("y", "list_files"),)),
    Entry(role="tool", call_id="y", content="b"),
)


def _body(host: str = LOCAL, **fields: Any) -> dict[str, Any]:
    config = ModelConfig(**{"base_url": "http://x/v1", "model": "moonshotai/Kimi-K2.6", **fields})
    return request_body(config, THREAD, (), host)


@pytest.mark.parametrize(
    ("host", "thinking", "fields", "temperature"),
    [
        (MOONSHOT, True, {"thinking": {"type": "enabled"}}, 1.0),
        (MOONSHOT, False, {"thinking": {"type": "disabled"}}, 0.6),
        (MOONSHOT, None, {}, 1.0),
        ("api.moonshot.cn", False, {"thinking": {"type": "disabled"}}, 0.6),
        (LOCAL, True, {"chat_template_kwargs": {"thinking": True}}, 1.0),
        (LOCAL, False, {"chat_template_kwargs": {"thinking": False}}, 0.6),
        (LOCAL, None, {}, 1.0),
        ("moonshot.ai.example.org", False, {"chat_template_kwargs": {"thinking": False}}, 0.6),
    ],
)
def test_kimis_modes(host: str, thinking: bool | None, fields: dict[str, Any], temperature: float) -> None:
    body = _body(host, thinking=thinking)
    assert {k: v for k, v in body.items() if k in ("thinking", "chat_template_kwargs")} == fields
    assert (body["temperature"], body["top_p"]) == (temperature, 0.95)


@pytest.mark.parametrize(("thinking", "carried"), [(True, True), (None, True), (False, False)])
def test_kimi_gets_its_reasoning_back_with_every_tool_call_while_it_thinks(
    thinking: bool | None, carried: bool
) -> None:
    turns = [m for m in _body(MOONSHOT, thinking=thinking)["messages"] if m["role"] == "assistant"]
    assert [m.get("reasoning_content") for m in turns] == (["", "because"] if carried else [None, None])


def test_a_model_at_moonshot_is_kimi_whatever_its_name() -> None:
    body = _body(MOONSHOT, model="k2.6-latest")
    assert body["temperature"] == 1.0
    assert body["messages"][1]["reasoning_content"] == ""
    assert body["messages"][1]["tool_calls"][0]["id"] == "functions.list_files:0"


def test_other_models_keep_their_own_settings_and_ids() -> None:
    body = _body(model="qwen3", thinking=False)
    assert "temperature" not in body
    assert "top_p" not in body
    assert body["chat_template_kwargs"] == {"thinking": False, "enable_thinking": False}
    assert body["messages"][1]["tool_calls"][0]["id"] == "x"
    assert "reasoning_content" not in body["messages"][1]


def test_openai_gets_no_field_that_it_does_not_know() -> None:
    body = _body(OPENAI, model="gpt-x", thinking=True, max_tokens=100)
    assert set(body) == {"model", "messages", "stream", "stream_options", "max_completion_tokens"}


def test_a_members_own_fields_have_the_last_word_object_by_object() -> None:
    body = _body(thinking=True, extra_body={"chat_template_kwargs": {"preserve_thinking": True}, "temperature": 0.3})
    assert body["chat_template_kwargs"] == {"thinking": True, "preserve_thinking": True}
    assert body["temperature"] == 0.3


@pytest.mark.parametrize("own", ["messages", "stream", "tools"])
def test_what_the_driver_lives_by_is_not_a_members_to_set(own: str) -> None:
    assert _body(extra_body={own: "mine", "min_p": 0.1}) == _body() | {"min_p": 0.1}


def test_limits_and_tools_are_passed_on_and_a_tool_that_is_off_is_not_offered() -> None:
    config = ModelConfig(base_url="http://x/v1", model="m", max_tokens=16_000)
    specs = [
        ToolSpec("list_files", "Lists.", {"type": "object"}),
        ToolSpec("run_command", "Runs.", {"type": "object"}, off="no sandbox"),
    ]
    body = request_body(config, THREAD, specs, LOCAL)
    assert body["max_tokens"] == 16_000
    assert [tool["function"]["name"] for tool in body["tools"]] == ["list_files"]
    assert "tools" not in request_body(config, THREAD, specs[1:], LOCAL)
