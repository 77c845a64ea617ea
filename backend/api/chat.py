"""Answers in the form of OpenAI's chat completions, whole or as a stream of chunks."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from backend.api.asked import Asked
from backend.api.chat_request import asked_by_chat
from backend.api.choice import Choice, Ended, Told
from backend.api.connection import Events, event, while_connected
from backend.api.faults import openai_error
from backend.api.logprobs import chat_logprobs
from backend.api.service import Service, usage_of
from backend.api.shapes import ChatBody
from backend.engine.request import Prefilled, Token
from backend.text.answer import Part, Thought
from backend.text.tool_calls import CallArguments, CallBegun, Text


async def chat(service: Service, body: ChatBody, request: Request, client: str) -> Response:
    """Serves one body. Raises RequestRefused before anything is sent."""
    asked = await asked_by_chat(service, body, client)
    choices = service.begin(asked)
    told = _Chat(service, body, asked, choices)
    if body.stream:
        return Events(told.chunks(), lambda: service.drop(asked, choices))
    return JSONResponse(await while_connected(request, told.whole()))


class _Chat:
    """One request in the answering."""

    def __init__(self, service: Service, body: ChatBody, asked: Asked, choices: Sequence[Choice]) -> None:
        self._service = service
        self._body = body
        self._asked = asked
        self._choices = choices
        self._created = int(time.time())

    def _head(self, kind: str) -> dict[str, Any]:
        name = self._service.named(self._body.model)
        return {"id": self._asked.id, "object": kind, "created": self._created, "model": name}

    # --- whole -----------------------------------------------------------------------------------------

    async def whole(self) -> dict[str, Any]:
        """The answer, once it is complete. Raises RequestRefused."""
        gathered = [_Gathered(choice.index) for choice in self._choices]
        async for choice, piece in self._service.told(self._asked, self._choices):
            if isinstance(piece, Told):
                gathered[choice.index].add(piece.parts, piece.tokens)
            elif isinstance(piece, Ended):
                if piece.fault:
                    raise piece.fault
                gathered[choice.index].ended = piece
        return self._head("chat.completion") | {
            "choices": [one.choice(self._service, self._body) for one in gathered],
            "usage": usage_of(self._choices, len(self._asked.prompt)),
            "metadata": None,
        }

    # --- stream ----------------------------------------------------------------------------------------

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events: the role first, usage at the end if it is wanted, ``[DONE]`` last."""
        for choice in self._choices:
            yield self._chunk(choice, {"role": "assistant", "content": ""})
        async for choice, piece in self._service.told(self._asked, self._choices):
            if isinstance(piece, Prefilled):
                continue
            if isinstance(piece, Ended):
                yield self._end(choice, piece)
                if piece.fault:
                    return
                continue
            tokens = piece.tokens
            for part in piece.parts or [Text("")] * bool(self._body.logprobs):
                yield self._chunk(choice, _delta(part), tokens=tokens)
                tokens = []
        if self._body.stream_options and self._body.stream_options.include_usage:
            usage = usage_of(self._choices, len(self._asked.prompt))
            yield event(self._head("chat.completion.chunk") | {"choices": [], "usage": usage})
        yield event("[DONE]")

    def _chunk(
        self, choice: Choice, delta: dict[str, Any], *, tokens: Sequence[Token] = (), ended: Ended | None = None
    ) -> bytes:
        one: dict[str, Any] = {"index": choice.index, "delta": delta, "logprobs": None, "finish_reason": None}
        if self._body.logprobs and tokens:
            one["logprobs"] = chat_logprobs(self._service.model.tokenizer, tokens, self._body.top_logprobs or 0)
        if ended is not None:
            one |= {"finish_reason": ended.ending, "matched_stop": ended.matched}
        chunk = self._head("chat.completion.chunk") | {"choices": [one], "usage": None}
        if self._body.stream_options and self._body.stream_options.continuous_usage_stats:
            chunk["usage"] = usage_of([choice], len(self._asked.prompt))
        return event(chunk)

    def _end(self, choice: Choice, ended: Ended) -> bytes:
        if ended.fault:
            return event({"error": openai_error(str(ended.fault), ended.fault.status)})
        return self._chunk(choice, {}, ended=ended)


def _delta(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"content": text}
        case Thought(text):
            return {"reasoning_content": text}
        case CallBegun(index, own_id, name):
            function = {"name": name, "arguments": ""}
            return {"tool_calls": [{"index": index, "id": own_id, "type": "function", "function": function}]}
        case CallArguments(index, text):
            return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


class _Gathered:
    """One choice of an answer that is not streamed."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._text: list[str] = []
        self._thought: list[str] = []
        self._calls: list[tuple[CallBegun, list[str]]] = []
        self._tokens: list[Token] = []
        self.ended = Ended("abort")

    def add(self, parts: Sequence[Part], tokens: Sequence[Token]) -> None:
        self._tokens += tokens
        for part in parts:
            match part:
                case Text(text):
                    self._text.append(text)
                case Thought(text):
                    self._thought.append(text)
                case CallBegun():
                    self._calls.append((part, []))
                case CallArguments(index, text):
                    self._calls[index][1].append(text)

    def choice(self, service: Service, body: ChatBody) -> dict[str, Any]:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": "".join(said)}}
            for call, said in self._calls
        ]
        text = "".join(self._text)
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None}
        message |= {"reasoning_content": "".join(self._thought) or None, "tool_calls": calls or None}
        logprobs = (
            chat_logprobs(service.model.tokenizer, self._tokens, body.top_logprobs or 0) if body.logprobs else None
        )
        return {
            "index": self._index,
            "message": message,
            "logprobs": logprobs,
            "finish_reason": self.ended.ending,
            "matched_stop": self.ended.matched,
        }
