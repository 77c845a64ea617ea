"""A body of ``/v1/chat/completions`` as what is asked of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.api.asked import Asked
from backend.api.sampling import sampling_of, schema_of
from backend.api.service import Made, Service
from backend.api.shapes import Called, ChatBody, ChatMessage, ContentPart, ImageUrl, NamedTool
from backend.errors import RequestRefused
from backend.text.answer import Manner
from backend.text.conversation import Conversation
from backend.text.grammar import Form, ToolForm
from backend.text.stops import checked
from backend.text.tool_declarations import checked_size


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages as a chat template takes them, and the images in their order."""

    listed: list[dict[str, Any]]
    urls: list[str]


async def asked_by_chat(service: Service, body: ChatBody, client: str) -> Asked:
    """Renders, decodes and checks everything. Raises RequestRefused."""
    messages = messages_of(body)
    offered = [] if body.tool_choice == "none" else list(body.tools or ())
    declared = [tool.model_dump(exclude_none=True) for tool in offered]
    checked_size(declared, "The list of tools")
    conversation = Conversation(messages.listed, declared, variables_of(body), body.continue_final_message)
    made = await service.made(conversation, messages.urls)
    grammar = await service.grammar(form_of(body, made))
    manner = Manner(
        thinking=made.thinking,
        split=body.separate_reasoning,
        tools=[tool.function.name for tool in offered] or None,
        stops=checked(body.stop),
        shown=not body.skip_special_tokens,
        single=body.parallel_tool_calls is False,
    )
    sampling = sampling_of(
        body,
        service.model,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        grammar=grammar,
    )
    own_id = service.new_id("chatcmpl-", body.rid)
    return Asked(own_id, made.tokens, sampling, manner, list(made.images), client, body.n or 1)


def variables_of(body: ChatBody) -> dict[str, Any]:
    """The template's variables. Moonshot's switch and OpenAI's effort say the same as ``chat_template_kwargs``."""
    variables: dict[str, Any] = {}
    if body.reasoning_effort == "none":
        variables["thinking"] = False
    if body.thinking is not None:
        variables["thinking"] = body.thinking.type == "enabled"
        if body.thinking.keep == "all":
            variables["preserve_thinking"] = True
    return variables | (body.chat_template_kwargs or {})


def form_of(body: ChatBody, made: Made) -> Form:
    """What the answer has to look like. Raises RequestRefused for two demands that exclude each other."""
    schema = schema_of(body.response_format)
    tools = _tools(body)
    if schema is not None and tools is not None and tools.required:
        raise RequestRefused(
            "An answer cannot be both a tool call and JSON of response_format.", "Leave one of the two out."
        )
    return Form(thinking=made.thinking, schema=schema, tools=tools if schema is None else None)


def _tools(body: ChatBody) -> ToolForm | None:
    choice = body.tool_choice
    offered = {tool.function.name: tool.function for tool in body.tools or ()}
    if isinstance(choice, NamedTool):
        offered = {choice.function.name: offered[choice.function.name]}
    required = choice == "required" or isinstance(choice, NamedTool)
    schemas = {name: _schema(one.parameters) if one.strict else None for name, one in offered.items()}
    if choice == "none" or not offered or not (required or any(one is not None for one in schemas.values())):
        return None
    return ToolForm(schemas, required, several=body.parallel_tool_calls is not False)


def _schema(parameters: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return parameters or {"type": "object", "properties": {}, "additionalProperties": False}


# --- messages ----------------------------------------------------------------------------------------------


def messages_of(body: ChatBody) -> Messages:
    """Messages without what is empty, words in one string where there are only words."""
    urls: list[str] = []
    return Messages([_message(message, urls) for message in body.messages], urls)


def _message(message: ChatMessage, urls: list[str]) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    made: dict[str, Any] = {"role": role, "content": _content(message, urls)}
    if message.name:
        made["name"] = message.name
    if message.tool_call_id is not None:
        made["tool_call_id"] = message.tool_call_id
    reasoning = message.reasoning_content if message.reasoning_content is not None else message.reasoning
    if reasoning is None and isinstance(message.content, list):
        reasoning = "".join(part.thinking or "" for part in message.content) or None
    if reasoning is not None:
        made["reasoning_content"] = reasoning
    if message.tool_calls:
        made["tool_calls"] = [_call(call) for call in message.tool_calls]
    return made


def _call(call: Called) -> dict[str, Any]:
    """Arguments stay the text that they were: the model sees its own words again, and the cache knows them."""
    checked_size(call.function.arguments, "The arguments of a call")
    function = {"name": call.function.name, "arguments": call.function.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _content(message: ChatMessage, urls: list[str]) -> Any:
    if not isinstance(message.content, list):
        return message.content or ""
    parts = [part for part in message.content if part.type != "thinking"]
    if all(part.type != "image_url" for part in parts):
        return "".join(part.text or part.refusal or "" for part in parts)
    return [_part(part, urls) for part in parts]


def _part(part: ContentPart, urls: list[str]) -> dict[str, Any]:
    if part.type != "image_url":
        return {"type": "text", "text": part.text or part.refusal or ""}
    assert part.image_url is not None  # the body's own check
    urls.append(part.image_url.url if isinstance(part.image_url, ImageUrl) else part.image_url)
    return {"type": "image_url"}
