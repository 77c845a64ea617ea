"""What Anthropic's client asks of a model server. Each case opens clients of its own."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from backend_client_target import WEATHER, Target, ask, picture

CALL = "functions.get_weather:0"


def claude_tool() -> Any:
    return [{"name": "get_weather", "description": "Weather.", "input_schema": WEATHER}]


def a_message_is_answered(to: Target) -> None:
    with to.anthropic() as client:
        made = client.messages.create(model=to.model, messages=ask("PLAIN"), max_tokens=32, system="Be short.")
    assert made.role == "assistant"
    assert made.usage.output_tokens > 0
    if to.played:
        assert [block.text for block in made.content if block.type == "text"] == ["The sky is blue."]
        assert made.stop_reason == "end_turn"
    else:  # SGLang thinks unless it is told not to; Anthropic's API, and the engine, only where it is asked to
        assert {block.type for block in made.content} <= {"thinking", "text"}


def a_message_is_streamed(to: Target) -> None:
    with (
        to.anthropic() as client,
        client.messages.stream(model=to.model, messages=ask("PLAIN"), max_tokens=32) as stream,
    ):
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert "content_block_start" in kinds
    assert "content_block_stop" in kinds
    assert final.usage.output_tokens > 0
    if to.played:
        assert [block.text for block in final.content if block.type == "text"] == ["The sky is blue."]


def a_message_calls_several_tools(to: Target) -> None:
    with (
        to.anthropic() as client,
        client.messages.stream(model=to.model, messages=ask("BOTH"), max_tokens=400, tools=claude_tool()) as stream,
    ):
        kinds = [event.type for event in stream if event.type in ("content_block_start", "content_block_stop")]
        final = stream.get_final_message()
    assert kinds == ["content_block_start", "content_block_stop"] * (len(kinds) // 2)  # one block at a time
    if to.played:
        calls = [(block.id, block.name, block.input) for block in final.content if block.type == "tool_use"]
        assert calls == [
            ("functions.get_weather:0", "get_weather", {"city": "Paris"}),
            ("functions.get_weather:1", "get_weather", {"city": "Rome"}),
        ]
        assert final.stop_reason == "tool_use"


def a_message_brings_a_result(to: Target) -> None:
    history: Any = [
        *ask("WEATHER"),
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {
                    "type": "tool_use",
                    "id": "functions.get_weather:0",
                    "name": "get_weather",
                    "input": {"city": "Paris"},
                },
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": CALL, "content": "rain"}],
        },
    ]
    with to.anthropic() as client:
        made = client.messages.create(model=to.model, messages=history, max_tokens=32, tools=claude_tool())
    if to.played:
        assert [block.text for block in made.content if block.type == "text"] == ["It rains in Paris."]


def a_message_thinks_when_asked_to(to: Target) -> None:
    with to.anthropic() as client:
        made = client.messages.create(
            model=to.model, messages=ask("THINK"), max_tokens=1025, thinking={"type": "enabled", "budget_tokens": 1024}
        )
    assert made.content[0].type == "thinking"
    if to.played:
        assert [block.type for block in made.content] == ["thinking", "text"]
        assert [block.thinking for block in made.content if block.type == "thinking"] == ["Let me see."]


def a_message_shows_an_image(to: Target) -> None:
    if not to.sees:
        return
    source = {"type": "base64", "media_type": "image/png", "data": picture()}
    parts: Any = [{"type": "image", "source": source}, {"type": "text", "text": "PICTURE"}]
    with to.anthropic() as client:
        made = client.messages.create(model=to.model, messages=[{"role": "user", "content": parts}], max_tokens=16)
    if to.played:
        assert [block.text for block in made.content if block.type == "text"] == ["A red square."]


def tokens_of_a_message_are_counted(to: Target) -> None:
    with to.anthropic() as client:
        counted = client.messages.count_tokens(model=to.model, messages=ask("PLAIN"))
        made = client.messages.create(model=to.model, messages=ask("PLAIN"), max_tokens=1)
    read = made.usage.input_tokens + (made.usage.cache_read_input_tokens or 0)
    assert counted.input_tokens == read


def errors_of_a_message_are_told(to: Target) -> None:
    with to.anthropic() as client:
        with pytest.raises(anthropic.BadRequestError, match="context length"):
            client.messages.create(model=to.model, messages=ask("word " * to.context), max_tokens=1)
        with pytest.raises(anthropic.BadRequestError):
            client.messages.create(model=to.model, messages=ask("x"), max_tokens=4, extra_body={"temperature": -1})
    if to.key != "none":
        with to.anthropic("wrong") as stranger, pytest.raises(anthropic.AuthenticationError):
            stranger.messages.create(model=to.model, messages=ask("x"), max_tokens=4)


def a_message_that_is_left_is_aborted(to: Target) -> None:
    before = to.metric("num_aborted_requests_total")
    with to.anthropic() as client:
        with client.messages.stream(
            model=to.model, messages=ask("LONG"), max_tokens=1500, extra_body={"temperature": 0}
        ) as stream:
            assert any(event.type == "content_block_delta" for event in stream)
        to.until("num_aborted_requests_total", lambda now: now > before)
    to.until("num_running_reqs", lambda now: now == 0)
