"""SGLang's ``/generate``: tokens in, tokens and log-probabilities out. Engines are compared by it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from backend.api.asked import Asked
from backend.api.choice import Choice, Ended, Told
from backend.api.connection import Events, event, while_connected
from backend.api.faults import openai_error
from backend.api.generate_shapes import GenerateBody
from backend.api.logprobs import sglang_logprobs, sglang_top
from backend.api.prompts import prompts_of
from backend.api.sampling import sampling_of, schema_in
from backend.api.service import Service
from backend.engine.request import Token
from backend.errors import RequestRefused
from backend.text.answer import Manner
from backend.text.grammar import Form
from backend.text.stops import checked
from backend.text.tool_calls import Text


async def generate(service: Service, body: GenerateBody, request: Request, client: str) -> Response:
    """Serves one body. Raises RequestRefused before anything is sent."""
    given = body.text if body.text is not None else body.input_ids
    assert given is not None  # the body's own check
    prompts = await prompts_of(service, given)
    several = not isinstance(given, str) and not isinstance(given[0], int)
    if body.stream and (several or (body.sampling_params.n or 1) > 1):
        raise RequestRefused("Several answers cannot be streamed here.", "Ask for them one by one.")
    told = [_Generation(service, body, one) for one in await _asked(service, body, prompts, client)]

    def drop() -> None:
        for one in told:
            one.drop()

    try:
        for one in told:
            one.begin()
    except BaseException:
        drop()
        raise
    if body.stream:
        return Events(told[0].chunks(), drop)
    try:
        rows = [row for one in told for row in await while_connected(request, one.whole())]
    finally:
        drop()
    return JSONResponse(rows if several or len(rows) > 1 else rows[0])


async def _asked(service: Service, body: GenerateBody, prompts: list[list[int]], client: str) -> list[Asked]:
    params = body.sampling_params
    grammar = await service.grammar(Form(schema=schema_in(params.json_schema), regex=params.regex))
    top = body.top_logprobs_num
    sampling = sampling_of(
        params,
        service.model,
        max_tokens=params.max_new_tokens,
        logprobs=top if body.return_logprob else None,
        grammar=grammar,
        prompt_logprobs=top if body.return_logprob and body.logprob_start_len >= 0 else None,
    )
    manner = Manner(split=False, stops=checked(params.stop), shown=not params.skip_special_tokens)
    own_id = service.new_id("", body.rid)
    ids = [own_id] if len(prompts) == 1 else [f"{own_id}-{number}" for number in range(len(prompts))]
    choices = params.n or 1
    return [
        Asked(one, prompt, sampling, manner, [], client, choices, own_id)
        for one, prompt in zip(ids, prompts, strict=True)
    ]


class _Generation:
    """One prompt in the answering."""

    def __init__(self, service: Service, body: GenerateBody, asked: Asked) -> None:
        self._service = service
        self._body = body
        self._asked = asked
        self._choices: list[Choice] = []
        self._texts: list[list[str]] = [[] for _ in range(asked.choices)]
        self._ended: list[Ended | None] = [None] * asked.choices

    def begin(self) -> None:
        """Hands it to the engine. Raises RequestRefused."""
        self._choices = self._service.begin(self._asked)

    def drop(self) -> None:
        """Ends what still runs of it."""
        self._service.drop(self._asked, self._choices)

    async def whole(self) -> list[dict[str, Any]]:
        """The answers, once they are complete. Raises RequestRefused."""
        async for choice, piece in self._service.told(self._asked, self._choices):
            self._take(choice, piece)
            if isinstance(piece, Ended) and piece.fault:
                raise piece.fault
        return [self._row(choice) for choice in self._choices]

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events, each with everything so far, as SGLang sends them."""
        async for choice, piece in self._service.told(self._asked, self._choices):
            self._take(choice, piece)
            if isinstance(piece, Ended) and piece.fault:
                yield event({"error": openai_error(str(piece.fault), piece.fault.status)})
                return
            if isinstance(piece, (Told, Ended)):
                yield event(self._row(choice))
        yield event("[DONE]")

    def _take(self, choice: Choice, piece: Any) -> None:
        if isinstance(piece, Told):
            self._texts[choice.index] += [part.text for part in piece.parts if isinstance(part, Text)]
        elif isinstance(piece, Ended):
            self._ended[choice.index] = piece

    def _row(self, choice: Choice) -> dict[str, Any]:
        meta: dict[str, Any] = {
            "id": self._asked.id,
            "finish_reason": _finish(self._ended[choice.index], len(choice.output)),
            "prompt_tokens": len(self._asked.prompt),
            "completion_tokens": len(choice.output),
            "cached_tokens": choice.cached_tokens,
            "e2e_latency": time.monotonic() - choice.begun,
        }
        if self._body.return_logprob:
            meta |= self._logprobs(choice)
        text = "".join(self._texts[choice.index])
        return {"text": text, "output_ids": [token.id for token in choice.output], "meta_info": meta}

    def _logprobs(self, choice: Choice) -> dict[str, Any]:
        tokenizer, top = self._service.model.tokenizer, self._body.top_logprobs_num
        texts = self._body.return_text_in_logprobs
        before = self._before(choice)
        meta: dict[str, Any] = {
            "input_token_logprobs": sglang_logprobs(tokenizer, before, texts=texts),
            "output_token_logprobs": sglang_logprobs(tokenizer, choice.output, texts=texts),
        }
        if top:
            meta["input_top_logprobs"] = sglang_top(tokenizer, before, top, texts=texts)
            meta["output_top_logprobs"] = sglang_top(tokenizer, choice.output, top, texts=texts)
        return meta

    def _before(self, choice: Choice) -> list[Token]:
        """The prompt's tokens from where they are wanted on; the first of them has no log-probability there."""
        start = self._body.logprob_start_len
        if start < 0 or start >= len(self._asked.prompt) or choice.prefilled is None:
            return []
        return [Token(self._asked.prompt[start]), *choice.prefilled.logprobs[start:]]


def _finish(ended: Ended | None, tokens: int) -> dict[str, Any] | None:
    if ended is None:
        return None
    if ended.ending == "length":
        return {"type": "length", "length": tokens}
    if ended.ending == "abort":
        return {"type": "abort", "message": ended.error or "Aborted"}
    return {"type": "stop"} if ended.matched is None else {"type": "stop", "matched": ended.matched}
