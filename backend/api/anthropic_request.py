"""A body of ``/v1/messages`` as one of chat completions, so that both protocols mean the same to the model."""

from __future__ import annotations

import json
from typing import Any

from backend.api.anthropic_shapes import (
    CountBody,
    ImageBlock,
    Message,
    MessagesBody,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from backend.api.shapes import ChatBody


def as_chat(body: CountBody) -> ChatBody:
    """The chat body. Thinking is off unless asked for, as it is with Anthropic."""
    thinking = body.thinking is not None and body.thinking.type != "disabled"
    made: dict[str, Any] = {
        "model": body.model,
        "messages": _system(body) + [one for message in body.messages for one in _messages(message)],
        "chat_template_kwargs": {"thinking": thinking},
    }
    if body.tools:
        made["tools"] = [_tool(tool.name, tool.description, tool.input_schema, tool.strict) for tool in body.tools]
    if body.tool_choice is not None:
        made["tool_choice"] = _choice(body)
        made["parallel_tool_calls"] = not body.tool_choice.disable_parallel_tool_use
    if isinstance(body, MessagesBody):
        made |= {"max_tokens": body.max_tokens, "stop": body.stop_sequences, "temperature": body.temperature}
        made |= {"top_p": body.top_p, "top_k": body.top_k}
    if body.messages[-1].role == "assistant":
        made["continue_final_message"] = True  # Anthropic's clients begin an answer for the model this way
    return ChatBody.model_validate(made)


def _system(body: CountBody) -> list[dict[str, Any]]:
    if not body.system:
        return []
    text = body.system if isinstance(body.system, str) else "\n".join(block.text for block in body.system)
    return [{"role": "system", "content": text}]


def _tool(name: str, description: str | None, schema: dict[str, Any], strict: bool | None) -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": schema, "strict": strict}
    return {"type": "function", "function": function}


def _choice(body: CountBody) -> Any:
    choice = body.tool_choice
    assert choice is not None  # asked only where there is one
    if choice.type == "tool":
        return {"type": "function", "function": {"name": choice.name}}
    return "required" if choice.type == "any" else choice.type


def _messages(message: Message) -> list[dict[str, Any]]:
    """One message may be several here: results of calls stand alone, in front of what the user says besides."""
    if message.role == "assistant":
        return [_assistant(message)]
    results = [_result(block) for block in message.blocks if isinstance(block, ToolResultBlock)]
    parts = [_part(block) for block in message.blocks if isinstance(block, (TextBlock, ImageBlock))]
    return results + ([{"role": message.role, "content": parts}] if parts else [])


def _assistant(message: Message) -> dict[str, Any]:
    blocks = message.blocks
    made: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(block.text for block in blocks if isinstance(block, TextBlock)),
    }
    thoughts = [block.thinking for block in blocks if isinstance(block, ThinkingBlock)]
    if thoughts:
        made["reasoning_content"] = "".join(thoughts)
    calls = [
        {"id": block.id, "function": {"name": block.name, "arguments": json.dumps(block.input, ensure_ascii=False)}}
        for block in blocks
        if isinstance(block, ToolUseBlock)
    ]
    return made | ({"tool_calls": calls} if calls else {})


def _result(block: ToolResultBlock) -> dict[str, Any]:
    said = [TextBlock(type="text", text=block.content)] if isinstance(block.content, str) else block.content or []
    failed = [{"type": "text", "text": "Error: "}] if block.is_error else []
    content = failed + [_part(part) for part in said]
    return {"role": "tool", "tool_call_id": block.tool_use_id, "content": content}


def _part(block: TextBlock | ImageBlock) -> dict[str, Any]:
    if isinstance(block, TextBlock):
        return {"type": "text", "text": block.text}
    return {"type": "image_url", "image_url": {"url": block.source.as_url}}
