"""Answers in the form of Anthropic's messages, whole or as a stream of events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from backend.api.anthropic_request import as_chat
from backend.api.anthropic_shapes import CountBody, MessagesBody
from backend.api.asked import Asked
from backend.api.chat_request import asked_by_chat
from backend.api.choice import Choice, Ended, Told
from backend.api.connection import Events, event, while_connected
from backend.api.faults import NotReady, anthropic_error, sentence_of
from backend.api.service import Service
from backend.api.shapes import ChatBody
from backend.engine.request import Prefilled
from backend.errors import RequestRefused
from backend.text.answer import Part, Thought
from backend.text.tool_calls import CallArguments, CallBegun, Text


async def messages(service: Service, body: MessagesBody, request: Request, client: str) -> Response:
    """Serves one body. Raises RequestRefused before anything is sent."""
    asked = await asked_by_chat(service, _chat(body), client)
    (choice,) = service.begin(asked)
    told = _Message(service, body, asked, choice)
    if body.stream:
        return Events(told.events(), lambda: service.drop(asked, [choice]))
    return JSONResponse(await while_connected(request, told.whole()))


async def count_tokens(service: Service, body: CountBody) -> dict[str, int]:
    """How long the prompt would be, images included."""
    asked = await asked_by_chat(service, _chat(body), "")
    return {"input_tokens": len(asked.prompt)}


def _chat(body: CountBody) -> ChatBody:
    try:
        return as_chat(body)
    except ValidationError as wrong:
        raise RequestRefused(sentence_of(wrong.errors()), "See the form of Anthropic's messages.") from wrong


class _Message:
    """One answer in the making; its blocks are opened and closed as the parts come."""

    def __init__(self, service: Service, body: MessagesBody, asked: Asked, choice: Choice) -> None:
        self._service = service
        self._body = body
        self._asked = asked
        self._choice = choice
        self._blocks: list[dict[str, Any]] = []
        self._arguments: list[str] = []
        self._call = -1  # the index of the call whose block is open

    # --- whole -----------------------------------------------------------------------------------------

    async def whole(self) -> dict[str, Any]:
        """The answer, once it is complete. Raises RequestRefused."""
        ended = Ended("abort")
        async for _, piece in self._service.told(self._asked, [self._choice]):
            if isinstance(piece, Told):
                for part in piece.parts:
                    self._add(part)
            elif isinstance(piece, Ended):
                ended = piece
        self._close()
        fault = ended.fault or _broken_off(ended)
        if fault:
            raise fault
        return self._message() | self._end(ended) | {"content": self._blocks}

    def _add(self, part: Part) -> list[tuple[str, dict[str, Any]]]:
        """Takes a part; the events that tell it."""
        kind, field, delta = _KINDS[type(part)]
        told: list[tuple[str, dict[str, Any]]] = []
        if isinstance(part, CallBegun):
            told += self._close() + self._open({"type": "tool_use", "id": part.id, "name": part.name, "input": {}})
            return told
        if not self._blocks or self._blocks[-1]["type"] != kind:
            told += self._close() + self._open(
                {"type": kind, field: ""} | ({"signature": ""} if kind == "thinking" else {})
            )
        if isinstance(part, CallArguments):
            self._arguments.append(part.text)
        else:
            self._blocks[-1][kind if kind == "thinking" else "text"] += part.text
        index = len(self._blocks) - 1
        return [*told, ("content_block_delta", {"index": index, "delta": {"type": delta, field: part.text}})]

    def _open(self, block: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        self._blocks.append(block)
        return [("content_block_start", {"index": len(self._blocks) - 1, "content_block": dict(block)})]

    def _close(self) -> list[tuple[str, dict[str, Any]]]:
        if not self._blocks:
            return []
        if self._blocks[-1]["type"] == "tool_use":
            self._blocks[-1]["input"] = _input("".join(self._arguments))
            self._arguments.clear()
        return [("content_block_stop", {"index": len(self._blocks) - 1})]

    # --- stream ----------------------------------------------------------------------------------------

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events in Anthropic's order."""
        started = False
        async for _, piece in self._service.told(self._asked, [self._choice]):
            if isinstance(piece, Prefilled) or not started:
                started = True
                yield _event("message_start", {"message": self._message()})
            if isinstance(piece, Told):
                for part in piece.parts:
                    for name, fields in self._add(part):
                        yield _event(name, fields)
            elif isinstance(piece, Ended):
                fault = piece.fault or _broken_off(piece)
                if fault:
                    yield event(anthropic_error(str(fault), fault.status), "error")
                    return
                for name, fields in self._close():
                    yield _event(name, fields)
                end = self._end(piece)
                usage = end.pop("usage")
                yield _event("message_delta", {"delta": end, "usage": usage})
                yield _event("message_stop", {})

    # --- both ------------------------------------------------------------------------------------------

    def _message(self) -> dict[str, Any]:
        return {
            "id": self._asked.id,
            "type": "message",
            "role": "assistant",
            "model": self._service.named(self._body.model),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._usage(),
        }

    def _usage(self) -> dict[str, int]:
        """Other than OpenAI's, Anthropic's count of the input leaves out what was cached."""
        cached = self._choice.cached_tokens
        return {
            "input_tokens": len(self._asked.prompt) - cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "output_tokens": len(self._choice.output),
        }

    def _end(self, ended: Ended) -> dict[str, Any]:
        matched = ended.matched if isinstance(ended.matched, str) else None
        reason = "stop_sequence" if matched else _REASONS.get(ended.ending, "end_turn")
        return {"stop_reason": reason, "stop_sequence": matched, "usage": self._usage()}


_KINDS: dict[type[Any], tuple[str, str, str]] = {
    Text: ("text", "text", "text_delta"),
    Thought: ("thinking", "thinking", "thinking_delta"),
    CallBegun: ("tool_use", "", ""),
    CallArguments: ("tool_use", "partial_json", "input_json_delta"),
}
_REASONS = {"length": "max_tokens", "tool_calls": "tool_use"}


def _broken_off(ended: Ended) -> RequestRefused | None:
    """Anthropic has no reason for an answer that was broken off: without an error it would pass for a whole one."""
    if ended.ending != "abort":
        return None
    return NotReady("The answer was broken off before its end.", "Ask again; the server may be going down.")


def _event(name: str, fields: dict[str, Any]) -> bytes:
    return event({"type": name, **fields}, name)


def _input(arguments: str) -> dict[str, Any]:
    """A call's arguments as the object that Anthropic's form wants; what is none is kept under a name that says so."""
    try:
        found = json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError):
        return {"malformed_arguments": arguments}
    return found if isinstance(found, dict) else {"malformed_arguments": arguments}
