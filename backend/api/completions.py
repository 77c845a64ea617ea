"""OpenAI's text completions: raw prompts, with echo and log-probabilities of the prompt too."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from backend.api.asked import Asked
from backend.api.choice import Choice, Ended, Told
from backend.api.connection import Events, event, while_connected
from backend.api.faults import openai_error
from backend.api.logprobs import text_logprobs
from backend.api.prompts import prompts_of
from backend.api.sampling import sampling_of, schema_in, schema_of
from backend.api.service import Service, usage_of
from backend.api.shapes import CompletionBody
from backend.engine.request import Prefilled, Token
from backend.errors import RequestRefused
from backend.text.answer import Manner, Part
from backend.text.detokenizer import decoded
from backend.text.grammar import Form
from backend.text.stops import checked
from backend.text.tool_calls import Text


async def complete(service: Service, body: CompletionBody, request: Request, client: str) -> Response:
    """Serves one body. Raises RequestRefused before anything is sent."""
    prompts = await prompts_of(service, body.prompt)
    if body.stream and len(prompts) > 1:
        raise RequestRefused("Several prompts cannot be streamed.", "Send them one by one.")
    asked = await _asked(service, body, prompts, client)
    begun: list[tuple[Asked, list[Choice]]] = []
    told = _Completion(service, body, begun)
    try:
        for one in asked:
            begun.append((one, service.begin(one)))
    except BaseException:
        told.drop()
        raise
    if body.stream:
        return Events(told.chunks(), told.drop)
    return JSONResponse(await while_connected(request, told.whole()))


async def _asked(service: Service, body: CompletionBody, prompts: Sequence[Sequence[int]], client: str) -> list[Asked]:
    schema = schema_of(body.response_format) if body.json_schema is None else schema_in(body.json_schema)
    grammar = await service.grammar(Form(schema=schema, regex=body.regex))
    sampling = sampling_of(
        body,
        service.model,
        max_tokens=body.max_tokens,
        logprobs=body.logprobs,
        grammar=grammar,
        prompt_logprobs=body.logprobs if body.echo else None,
    )
    manner = Manner(split=False, stops=checked(body.stop), shown=not body.skip_special_tokens)
    own_id = service.new_id("cmpl-", body.rid)
    ids = [own_id] if len(prompts) == 1 else [f"{own_id}-{number}" for number in range(len(prompts))]
    choices = body.n or 1
    return [
        Asked(one, prompt, sampling, manner, [], client, choices, own_id)
        for one, prompt in zip(ids, prompts, strict=True)
    ]


@dataclass(slots=True)
class _Gathered:
    text: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    ended: Ended = field(default_factory=lambda: Ended("abort"))


class _Completion:
    """The prompts of one body in the answering."""

    def __init__(self, service: Service, body: CompletionBody, begun: list[tuple[Asked, list[Choice]]]) -> None:
        self._service = service
        self._body = body
        self._begun = begun
        self._created = int(time.time())

    def drop(self) -> None:
        """Ends whatever still runs."""
        for asked, choices in self._begun:
            self._service.drop(asked, choices)

    def _head(self) -> dict[str, Any]:
        name = self._service.named(self._body.model)
        own_id = self._begun[0][0].id
        return {"id": own_id, "object": "text_completion", "created": self._created, "model": name}

    async def whole(self) -> dict[str, Any]:
        """The answer, once it is complete. Raises RequestRefused."""
        rows: list[dict[str, Any]] = []
        total: dict[str, Any] = {}
        try:
            for asked, choices in self._begun:
                gathered = await self._gathered(asked, choices)
                rows += [
                    self._row(asked, choice, one, len(rows) + at)
                    for at, (choice, one) in enumerate(zip(choices, gathered, strict=True))
                ]
                total = _sum(total, usage_of(choices, len(asked.prompt)))
        finally:
            self.drop()
        return self._head() | {"choices": rows, "usage": total}

    async def _gathered(self, asked: Asked, choices: list[Choice]) -> list[_Gathered]:
        gathered = [_Gathered() for _ in choices]
        async for choice, piece in self._service.told(asked, choices):
            one = gathered[choice.index]
            if isinstance(piece, Told):
                one.tokens += piece.tokens
                one.text += _words(piece.parts)
            elif isinstance(piece, Ended):
                if piece.fault:
                    raise piece.fault
                one.ended = piece
        return gathered

    def _row(self, asked: Asked, choice: Choice, one: _Gathered, index: int) -> dict[str, Any]:
        text, logprobs = "".join(one.text), None
        if self._body.echo:
            text = self._prompt_text(asked) + text
        if self._body.logprobs is not None:
            logprobs = self._logprobs(asked, choice, one.tokens)
        return _choice(index, text, logprobs, one.ended)

    def _prompt_text(self, asked: Asked) -> str:
        return decoded(self._service.model.tokenizer, list(asked.prompt))

    def _logprobs(self, asked: Asked, choice: Choice, tokens: list[Token]) -> dict[str, Any]:
        before: list[Token] = []
        if self._body.echo and choice.prefilled is not None:
            before = [Token(asked.prompt[0]), *choice.prefilled.logprobs]
        return text_logprobs(self._service.model.tokenizer, before + tokens, self._body.logprobs or 0, 0)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events, with the prompt first if it is to be echoed; its log-probabilities are waited for."""
        ((asked, choices),) = self._begun
        scored = self._body.echo and self._body.logprobs is not None
        if self._body.echo and not scored:
            for choice in choices:
                yield self._chunk(_choice(choice.index, self._prompt_text(asked), None, None))
        async for choice, piece in self._service.told(asked, choices):
            if isinstance(piece, Prefilled) and scored:
                before = self._logprobs(asked, choice, [])
                yield self._chunk(_choice(choice.index, self._prompt_text(asked), before, None))
            elif isinstance(piece, Told):
                logprobs = None if self._body.logprobs is None else self._logprobs_of(piece.tokens)
                yield self._chunk(_choice(choice.index, "".join(_words(piece.parts)), logprobs, None))
            elif isinstance(piece, Ended):
                if piece.fault:
                    yield event({"error": openai_error(str(piece.fault), piece.fault.status)})
                    return
                yield self._chunk(_choice(choice.index, "", None, piece))
        if self._body.stream_options and self._body.stream_options.include_usage:
            yield event(self._head() | {"choices": [], "usage": usage_of(choices, len(asked.prompt))})
        yield event("[DONE]")

    def _logprobs_of(self, tokens: list[Token]) -> dict[str, Any]:
        return text_logprobs(self._service.model.tokenizer, tokens, self._body.logprobs or 0, 0)

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        return event(self._head() | {"choices": [choice], "usage": None})


def _words(parts: Sequence[Part]) -> list[str]:
    return [part.text for part in parts if isinstance(part, Text)]  # nothing else comes of a raw prompt


def _choice(index: int, text: str, logprobs: Any, ended: Ended | None) -> dict[str, Any]:
    return {
        "index": index,
        "text": text,
        "logprobs": logprobs,
        "finish_reason": None if ended is None else ended.ending,
        "matched_stop": None if ended is None else ended.matched,
    }


def _sum(total: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Two usages, figure by figure."""
    if not total:
        return more
    return {key: _sum(total[key], one) if isinstance(one, dict) else total[key] + one for key, one in more.items()}
