"""A thread as OpenAI chat messages, valid whatever happened in it. Pure.

The rules of that history: every assistant message with tool calls is followed by one tool message for each of
them. Kimi in thinking mode also demands ``reasoning_content`` on assistant messages with tool calls.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import Entry, ToolCall
from clawgroups.group.tools import ToolSpec

LOST = "No result of this call is on record."
UNFINISHED = "(This turn was interrupted here and not finished.)"


def thinks(config: ModelConfig) -> bool:
    """Whether the model's history must carry its reasoning."""
    return config.thinking is True or (config.thinking is None and "kimi" in config.model.lower())


def messages_of(thread: Sequence[Entry], *, reasoning: bool) -> list[dict[str, Any]]:
    """The chat history. Tool results are put right behind the turn that asked for them."""
    results = _results(thread)
    messages: list[dict[str, Any]] = []
    for index, entry in enumerate(thread):
        if entry.role == "tool":
            continue  # placed with its call
        if entry.role == "assistant":
            messages += _assistant(entry, results.get(index, {}), reasoning=reasoning)
        elif entry.content:
            messages.append({"role": entry.role, "content": entry.content})
    if messages and messages[-1]["role"] == "assistant":
        messages.append({"role": "user", "content": "Go on."})
    return messages


def _results(thread: Sequence[Entry]) -> dict[int, dict[str, Entry]]:
    """For each turn its calls' results: call ids may come again in later turns, so the nearest turn before counts."""
    found: dict[int, dict[str, Entry]] = {}
    owner: dict[str, int] = {}
    for index, entry in enumerate(thread):
        if entry.role == "assistant":
            owner.update({call.id: index for call in entry.calls})
        elif entry.role == "tool" and entry.call_id in owner:
            found.setdefault(owner[entry.call_id], {}).setdefault(entry.call_id, entry)
    return found


def _assistant(entry: Entry, results: dict[str, Entry], *, reasoning: bool) -> list[dict[str, Any]]:
    if entry.unfinished:
        text = f"{entry.content}\n{UNFINISHED}".strip()
        return [{"role": "assistant", "content": text}]
    message: dict[str, Any] = {"role": "assistant", "content": entry.content}
    if reasoning and (entry.reasoning or entry.calls):
        message["reasoning_content"] = entry.reasoning
    if not entry.calls:
        return [message] if entry.content or entry.reasoning else []
    message["tool_calls"] = [_call(call) for call in entry.calls]
    tools = []
    for call in entry.calls:
        result = results.get(call.id)
        content = result.content if result and result.content else LOST
        tools.append({"role": "tool", "tool_call_id": call.id, "name": call.name, "content": content})
    return [message, *tools]


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _object(call.arguments)}}


def _object(arguments: str) -> str:
    """Arguments as servers accept them back: templates of several models fail on what is not a JSON object."""
    try:
        parsed = json.loads(arguments or "{}")
    except json.JSONDecodeError:
        return json.dumps({"malformed_arguments": arguments})
    return arguments if isinstance(parsed, dict) and arguments else "{}"


def tools_of(specs: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Tool declarations; those that are off here are not offered."""
    return [
        {
            "type": "function",
            "function": {"name": s.name, "description": s.description, "parameters": s.parameters},
        }
        for s in specs
        if not s.off
    ]


def request_body(config: ModelConfig, thread: Sequence[Entry], specs: Sequence[ToolSpec], host: str) -> dict[str, Any]:
    """The body of a streaming chat completion, with Kimi's modes as its makers document them."""
    kimi = "kimi" in config.model.lower()
    body: dict[str, Any] = {
        "model": config.model,
        "messages": messages_of(thread, reasoning=thinks(config)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools := tools_of(specs):
        body["tools"] = tools
    if config.max_tokens:
        body["max_tokens"] = config.max_tokens
    temperature = config.temperature
    if temperature is None and kimi:
        temperature = 0.6 if config.thinking is False else 1.0
        body["top_p"] = 0.95
    if temperature is not None:
        body["temperature"] = temperature
    if config.thinking is not None:
        body |= _mode(config.thinking, host)
    return body | config.extra_body


def _mode(thinking: bool, host: str) -> dict[str, Any]:
    if "moonshot" in host or "kimi.com" in host:
        return {"thinking": {"type": "enabled" if thinking else "disabled"}}
    return {"chat_template_kwargs": {"thinking": thinking}}
