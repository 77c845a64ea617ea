"""OpenAI's rules of a chat history, as a check that any message list can be held against."""

from __future__ import annotations

import json
from typing import Any


def broken_rules(messages: list[dict[str, Any]], *, reasoning: bool) -> list[str]:
    """What a strict server would refuse; empty for a valid history."""
    broken: list[str] = []
    roles = [message["role"] for message in messages]
    if not any(role != "system" for role in roles):
        return ["nothing was said"]
    head = 1 if roles[0] == "system" else 0
    if "system" in roles[head:]:
        broken.append("a system message that is not the first")
    if roles[head] != "user":
        broken.append(f"it begins with {roles[head]}")
    if roles[-1] == "assistant":
        broken.append("nothing to answer")
    broken += _calls(messages, reasoning=reasoning)
    return broken + [f"{m['role']} is empty" for m in messages if not m["content"] and not m.get("tool_calls")]


def _calls(messages: list[dict[str, Any]], *, reasoning: bool) -> list[str]:
    broken: list[str] = []
    owed: list[str] = []
    seen: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in owed:
                broken.append(f"{index}: an answer to no open call")
            else:
                owed.remove(message["tool_call_id"])
            continue
        if owed:
            broken.append(f"{index}: calls without answers: {owed}")
        owed = [call["id"] for call in message.get("tool_calls", [])]
        if len(set(owed)) != len(owed) or seen & set(owed):
            broken.append(f"{index}: ids come twice")
        seen |= set(owed)
        for call in message.get("tool_calls", []):
            broken += [f"{index}: {what}" for what in _call(call)]
        if owed and reasoning and not isinstance(message.get("reasoning_content"), str):
            broken.append(f"{index}: reasoning_content is missing in assistant tool call message")
    return broken + ([f"calls without answers: {owed}"] if owed else [])


def _call(call: dict[str, Any]) -> list[str]:
    broken = []
    name = call["function"]["name"]
    if not (0 < len(name) <= 64 and all(c.isascii() and (c.isalnum() or c in "_-.") for c in name)):
        broken.append(f"a name that no server takes: {name!r}")
    try:
        if not isinstance(json.loads(call["function"]["arguments"]), dict):
            broken.append("arguments that are no object")
    except ValueError:
        broken.append("arguments that are no JSON")
    return broken
