"""A thread as OpenAI chat messages, valid whatever happened in it. Pure.

The rules of that history: every assistant message with tool calls is followed at once by exactly one tool message for
each of them, ids are unique, arguments are JSON objects, and the first that is not a system message is the user's.
Kimi in thinking mode also demands ``reasoning_content`` on assistant messages with tool calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from clawgroups.group.members import OWN_FIELDS, ModelConfig
from clawgroups.group.thread import Entry, ToolCall
from clawgroups.group.tools import ToolSpec
from clawgroups.runner.drivers.completions import fit

LOST = "No result of this call is on record."
SILENT = "(The call gave no output.)"
UNFINISHED = "(This turn was interrupted here and not finished.)"
BEGIN = "Begin."
GO_ON = "Go on."
_ODD = re.compile(r"[^A-Za-z0-9_.-]")


def is_kimi(config: ModelConfig, host: str = "") -> bool:
    """Whether Kimi's rules hold for the history and the settings."""
    return "kimi" in config.model.lower() or _is_moonshot(host)


def _is_moonshot(host: str) -> bool:
    return any(host == name or host.endswith("." + name) for name in ("moonshot.ai", "moonshot.cn", "kimi.com"))


def thinks(config: ModelConfig, host: str = "") -> bool:
    """Whether the model's history must carry its reasoning."""
    return config.thinking is True or (config.thinking is None and is_kimi(config, host))


# --- the history ---------------------------------------------------------------------------------------


def messages_of(
    thread: Sequence[Entry], *, reasoning: bool, kimi: bool = False, images: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The chat history. Tool results are put right behind the turn that asked for them; nothing said is left out.

    With ``kimi`` calls get the ids that Kimi writes itself, ``functions.NAME:NUMBER``: others lead it astray.
    ``images``: attachment to data URL, of those that go along with the words they are attached to.
    """
    return _History(thread, reasoning=reasoning, kimi=kimi, images=images or {}).messages()


class _History:
    def __init__(self, thread: Sequence[Entry], *, reasoning: bool, kimi: bool, images: Mapping[str, str]) -> None:
        self._thread = thread
        self._images = images
        self._reasoning = reasoning
        self._kimi = kimi
        self._results, self._orphans = _results(thread)
        self._ids: set[str] = set()
        self._calls = 0

    def messages(self) -> list[dict[str, Any]]:
        head = 0
        while head < len(self._thread) and self._thread[head].role == "system":
            head += 1
        system = "\n\n".join(entry.content for entry in self._thread[:head] if entry.content)
        messages = [message for index in range(head, len(self._thread)) for message in self._entry(index)]
        if not messages or messages[0]["role"] != "user":
            messages.insert(0, {"role": "user", "content": BEGIN})
        if messages[-1]["role"] == "assistant":
            messages.append({"role": "user", "content": GO_ON})
        return [{"role": "system", "content": system}, *messages] if system else messages

    def _entry(self, index: int) -> list[dict[str, Any]]:
        entry = self._thread[index]
        if entry.role == "assistant":
            return self._assistant(entry, self._results.get(index, {}))
        if entry.role != "tool":  # many chat templates refuse a system message that is not the first
            return self._told(entry)
        if index not in self._orphans or not entry.content:
            return []  # it stands with its call
        name = f" of {entry.name}" if entry.name else ""
        return [{"role": "user", "content": f"A result{name} whose call is not on record:\n{entry.content}"}]

    def _told(self, entry: Entry) -> list[dict[str, Any]]:
        """Words of somebody else; a list of parts only where there is something to see: not every server takes one."""
        urls = [self._images[one.id] for one in entry.attachments if one.id in self._images]
        if not urls:
            return [{"role": "user", "content": entry.content}] if entry.content else []
        words = [{"type": "text", "text": entry.content}] if entry.content else []
        shown = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return [{"role": "user", "content": [*words, *shown]}]

    def _assistant(self, entry: Entry, results: dict[int, list[Entry]]) -> list[dict[str, Any]]:
        text = f"{entry.content}\n{UNFINISHED}".strip() if entry.unfinished else entry.content
        if not text and not entry.calls:
            return []
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self._reasoning and (entry.calls or (entry.reasoning and not entry.unfinished)):
            message["reasoning_content"] = entry.reasoning
        if not entry.calls:
            return [message]
        calls, answers = [], []
        for position, call in enumerate(entry.calls):
            name = _ODD.sub("_", call.name)[:64] or "unnamed"
            call_id = self._id(call, name)
            function = {"name": name, "arguments": _object(call.arguments)}
            calls.append({"id": call_id, "type": "function", "function": function})
            content = _told(results.get(position, []))
            answers.append({"role": "tool", "tool_call_id": call_id, "name": name, "content": content})
        return [{**message, "tool_calls": calls}, *answers]

    def _id(self, call: ToolCall, name: str) -> str:
        number, self._calls = self._calls, self._calls + 1
        wanted = f"functions.{name}:{number}" if self._kimi else call.id or f"call_{number}"
        made, again = wanted, 0
        while made in self._ids:
            again += 1
            made = f"{wanted}.{again}"
        self._ids.add(made)
        return made


def _results(thread: Sequence[Entry]) -> tuple[dict[int, dict[int, list[Entry]]], set[int]]:
    """Turn to its calls' positions to their results, and which results have no call.

    Call ids may come again, in a later turn or the same: the nearest turn before counts, and its first call of that id
    that has no result yet. A second result for one call stands with it too.
    """
    found: dict[int, dict[int, list[Entry]]] = {}
    orphans: set[int] = set()
    owners: dict[str, list[tuple[int, int]]] = {}
    for index, entry in enumerate(thread):
        if entry.role == "assistant":
            mine: dict[str, list[tuple[int, int]]] = {}
            for position, call in enumerate(entry.calls):
                mine.setdefault(call.id, []).append((index, position))
            owners |= mine
        elif entry.role == "tool":
            places = owners.get(entry.call_id)
            if places is None:
                orphans.add(index)
                continue
            turn, position = next((p for p in places if p[1] not in found.get(p[0], {})), places[-1])
            found.setdefault(turn, {}).setdefault(position, []).append(entry)
    return found, orphans


def _told(results: list[Entry]) -> str:
    if not results:
        return LOST
    return "\n\n".join(entry.content for entry in results if entry.content) or SILENT


def _object(arguments: str) -> str:
    """Arguments as servers accept them back: templates of several models fail on what is not a JSON object."""
    if not arguments.strip():
        return "{}"
    try:
        if isinstance(msgspec.json.decode(arguments), dict):
            return arguments
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return json.dumps({"malformed_arguments": arguments})
    return json.dumps({"malformed_arguments": arguments})


# --- the request ---------------------------------------------------------------------------------------


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


def request_body(
    config: ModelConfig,
    thread: Sequence[Entry],
    specs: Sequence[ToolSpec],
    host: str,
    images: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The body of a streaming chat completion, with Kimi's modes as its makers document them.

    The member's own ``extra_body`` has the last word, object by object, but for what the driver itself lives by.
    """
    kimi = is_kimi(config, host)
    body: dict[str, Any] = {
        "model": config.model,
        "messages": messages_of(thread, reasoning=thinks(config, host), kimi=kimi, images=images),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools := tools_of(specs):
        body["tools"] = tools
    if config.max_tokens:
        body["max_completion_tokens" if host == "api.openai.com" else "max_tokens"] = config.max_tokens
    temperature = config.temperature
    if temperature is None and kimi:
        temperature = 0.6 if config.thinking is False else 1.0
        body["top_p"] = 0.95
    if temperature is not None:
        body["temperature"] = temperature
    if config.thinking is not None:
        body |= _mode(config.thinking, host, kimi=kimi)
    return _merged(body, {key: value for key, value in config.extra_body.items() if key not in OWN_FIELDS})


def _mode(thinking: bool, host: str, *, kimi: bool) -> dict[str, Any]:
    if _is_moonshot(host):
        return {"thinking": {"type": "enabled" if thinking else "disabled"}}
    if host == "api.openai.com":
        return {}  # it has no such switch, and refuses fields that it does not know
    # SGLang and vLLM hand these to the chat template: Kimi's and DeepSeek's read the first, Qwen's the second
    return {"chat_template_kwargs": {"thinking": thinking} | ({} if kimi else {"enable_thinking": thinking})}


def _merged(body: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    merged = dict(body)
    for key, value in extra.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def encoded(body: dict[str, Any]) -> bytes:
    """The body as JSON; what no JSON parser takes (halves of surrogate pairs) is replaced."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return json.dumps(_fitted(body)).encode()


def _fitted(value: Any) -> Any:
    if isinstance(value, str):
        return fit(value)
    if isinstance(value, dict):
        return {key: _fitted(item) for key, item in value.items()}
    return [_fitted(item) for item in value] if isinstance(value, list) else value
